"""
Ask the kernel whether any program has a file open for writing.

The kernel answers only root and the file's owner, and knows only programs on this host: callers must not use this
for files on network file systems.
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

    The kernel grants a read lease only while no program has (fcntl(2), F_SETLEASE); the lease is released at once. A
    program that opens the file meanwhile waits for the release; the kernel then sends this process SIGURG, which is
    ignored by default.
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
