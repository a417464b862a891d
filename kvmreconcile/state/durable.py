"""Create and replace private files atomically: after a crash, a file has the old or the new content."""

import errno
import os
import stat
from pathlib import Path

from kvmreconcile.system.bounded_read import NOT_REGULAR, Unfit


def open_private(path: Path) -> int:
    """
    Open a file for reading and writing, and return its descriptor; create a missing file with mode 0600.

    Raises:
        OSError: The file cannot be opened.
        Unfit: The path is not a regular file.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unfit(errno.EINVAL, NOT_REGULAR, str(path))
    return handle


def create_private(path: Path) -> int:
    """Create a file with mode 0600, replacing an existing one, and return its descriptor."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_durably(path: Path, content: bytes) -> None:
    """Replace or create a file with mode 0600; the content is on disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(create_private(new), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(new, path)


def rename_durably(old: Path, new: Path) -> None:
    """Rename a file whose content is on disk; the new name is on disk when this returns."""
    old.rename(new)
    handle = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
