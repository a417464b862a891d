"""
Ask the kernel whether any program has a file open for writing.

The kernel answers only root and the file's owner, and knows only programs on this host. Callers
must not use this module for files on network file systems.
"""

import fcntl
import os
import signal
from enum import Enum


class WriteState(Enum):
    """Whether the writer of a file has finished."""

    CLOSED = "closed"
    OPEN = "open"
    UNSURE = "unknown"


def find_write_state(path: str) -> WriteState:
    """
    Return whether any program has a file open for writing.

    The kernel grants a read lease only if no program has the file open for writing (fcntl(2),
    F_SETLEASE). The lease is released at once. A program that opens the file in the meantime waits
    for the release. The kernel then sends SIGURG to this process, which ignores the signal by
    default.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return WriteState.UNSURE
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return WriteState.OPEN
    except OSError:
        return WriteState.UNSURE
    finally:
        os.close(descriptor)
    return WriteState.CLOSED
