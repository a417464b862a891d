"""
The claim to act on a host: of all processes that use one state, one at a time has it.

Separate from the database, whose own locks last for a moment, and not for as long as something is done.
"""

import fcntl
import os
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Self

from kvmreconcile.errors import StateError
from kvmreconcile.state.database import translated
from kvmreconcile.state.durable import opened

_WORK = "work.lock"


class Claim:
    """
    Held by a process from when the first of its threads enters until the last has left.

    Entering raises StateError if another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / _WORK
        self._lock = Lock()
        self._inside = 0
        self._handle = -1

    def __enter__(self) -> Self:
        with self._lock:
            if not self._inside:
                self._handle = _taken(self._path)
            self._inside += 1
        return self

    def __exit__(self, *_raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                os.close(self._handle)


def _taken(path: Path) -> int:
    """Lock a file for this process alone, and return the handle that keeps it locked."""
    with translated(path), ExitStack() as unless_taken:
        handle = opened(path)
        unless_taken.callback(os.close, handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.read(handle, 20).decode("ascii", "replace") or "unknown"
            raise StateError(
                f"{path}: another kvmreconcile process (PID {who}) is applying changes; "
                "wait until it has finished (the daemon tries again in its next pass)"
            ) from error
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        unless_taken.pop_all()
    return handle
