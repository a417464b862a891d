"""Lock the files of a database while they are opened, replaced or copied."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.model.commands import quote

_LOCK = "lock"
LOCK_S, _PAUSE_S = 30.0, 0.02
"""Maximum time to wait for another process, and time between two attempts."""


@contextmanager
def lock_database(directory: Path, open_file: Callable[[Path], int]) -> Iterator[None]:
    """
    Lock the files of a database, which are not covered by the locks of SQLite.

    Args:
        directory: The state directory, with the lock file.
        open_file: Opens the lock file. If it raises FileNotFoundError, nothing is locked.
    """
    try:
        handle = open_file(directory / _LOCK)
    except FileNotFoundError:
        yield
        return
    try:
        _wait_for(handle, directory / _LOCK)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path) -> None:
    """Lock a file; wait up to `LOCK_S` seconds for another process."""
    give_up_s = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_s:
                what = f"it could not be locked within {LOCK_S:g} s, because another process holds the lock"
                raise StateError(
                    f"{path}: the state cannot be used: {what}; find the process with: fuser {quote(str(path))}"
                ) from None
            time.sleep(_PAUSE_S)
        else:
            return


def open_existing(path: Path) -> int:
    """Open an existing lock file, and return its descriptor."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
