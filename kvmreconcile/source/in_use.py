"""
Ask the kernel whether any program has a file open for writing.

It answers only to root and to the file's owner, and knows only of programs on this host: callers do not ask about
files on shares.
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
    Tell whether any program has a file open for writing.

    A read lease is granted only while none has (fcntl(2), F_SETLEASE), and is given back at once. A program that
    opens the file in that moment waits for it; the kernel then sends this process SIGURG, which does nothing.
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
