"""Make and replace files for their directory's owner alone, and so that a crash leaves either the old content or the new."""

import errno
import os
import stat
from pathlib import Path

from kvmreconcile.system.bounded import NOT_REGULAR, Unfit


def opened(path: Path) -> int:
    """
    Open a file for reading and writing; create it for the directory's owner alone if missing. Return its descriptor.

    Raises:
        OSError: The file cannot be opened.
        Unfit: It is not a regular file.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unfit(errno.EINVAL, NOT_REGULAR, str(path))
    return handle


def created(path: Path) -> int:
    """Create a file for the directory's owner alone, in place of one that is there, and return its handle."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file's content, or create it, for the directory's owner alone; it is on disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(created(new), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(new, path)


def rename_durably(old: Path, new: Path) -> None:
    """Rename a file whose content is on disk, and return when the new name is on disk as well."""
    old.rename(new)
    handle = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
