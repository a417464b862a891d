"""Lock the mirror of a repository, so that only one process at a time uses it."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmreconcile.errors import Problem, SourceError
from kvmreconcile.source.git.download import Progress

LOCK_S = 130.0
"""Maximum time in seconds to wait for the fetch of another process."""
_PAUSE_S = 0.1


@contextmanager
def locked(directory: Path, name: str, progress: Progress) -> Iterator[int]:
    """
    Hold the lock of a directory, and yield the descriptor of the lock file.

    The directory is created if it does not exist.

    Args:
        name: The repository's name in messages.
        progress: Called while another process has the lock.

    Raises:
        OSError: The lock file cannot be opened.
        SourceError: Another process held the lock for too long.
    """
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    began_s = time.monotonic()
    try:
        while not _try_lock(handle):
            waited_s = time.monotonic() - began_s
            holder = "another kvmreconcile process, or a git process that it started"
            if waited_s > LOCK_S:
                what = f"the local copy of the repository is in use by {holder}"
                todo = "wait until that process has finished (the daemon tries again at its next poll)"
                raise SourceError(Problem(name, what, todo))
            progress(f"waiting for {holder} ({waited_s:.0f} s of {LOCK_S:g} s)")
            time.sleep(_PAUSE_S)
        yield handle
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    """Try to take the lock, and return whether this process has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
