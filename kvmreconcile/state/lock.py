"""
Lock a state directory while changes are applied, so that only one process changes the host at a time.

The locks of the database last only for one transaction.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Self

from kvmreconcile.errors import StateError
from kvmreconcile.state.durable import open_private
from kvmreconcile.state.state_errors import state_errors

_WORK = "work.lock"


class WorkLock:
    """
    A lock of a process, which several threads of the process can hold at the same time.

    The context manager raises StateError if another process holds the lock.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _WORK
        self._lock = Lock()
        self._inside = 0
        self._handle = -1

    def __enter__(self) -> Self:
        with self._lock:
            if not self._inside:
                self._handle = _lock_file(self._path)
            self._inside += 1
        return self

    def __exit__(self, *_raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                os.close(self._handle)


def _lock_file(path: Path) -> int:
    """Lock a file for this process, and return its descriptor; closing the descriptor unlocks the file."""
    with state_errors(path), ExitStack() as on_error:
        handle = open_private(path)
        on_error.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.read(handle, 20).decode("ascii", "replace") or "unknown"
            raise StateError(
                f"{path}: another kvmreconcile process (PID {pid}) is applying changes; "
                "wait until it has finished (the daemon tries again in its next pass)"
            ) from error
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        on_error.pop_all()
    return handle
