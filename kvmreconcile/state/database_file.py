"""Check database files without opening the database, and rename damaged files."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from kvmreconcile.system.bounded_read import NOT_REGULAR, Unfit

MISSING, EMPTY, DAMAGED = "is missing", "is empty", "is damaged"
_PAGE_SIZE_AT = 16
"""The offset of the page size in a database file (https://www.sqlite.org/fileformat.html)."""
_LARGEST = 65536
"""The page size that a database file stores as 1."""


def visible_flaw(path: Path) -> str:
    """
    Return the problem of a database file that can be detected without SQLite.

    SQLite must not open files with such a problem. It deletes the log of an empty file, and reads the missing
    rest of a truncated page as zeros, which the check of SQLite does not always detect. A file with a log may
    end with a truncated page, because the log may contain the whole page.

    Returns:
        MISSING, EMPTY or DAMAGED; "" if there is no problem.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return MISSING
    with os.fdopen(handle, "rb") as file:
        header, size = file.read(_PAGE_SIZE_AT + 2), os.fstat(handle).st_size
    if not size:
        return EMPTY
    page_size = int.from_bytes(header[_PAGE_SIZE_AT:], "big")
    is_whole = bool(page_size) and size % (_LARGEST if page_size == 1 else page_size) == 0
    return "" if is_whole or beside(path, "-wal").exists() else DAMAGED


def check_regular(path: Path) -> None:
    """
    Check that the files of a database are regular files, because SQLite would block on a pipe.

    Raises:
        Unfit: A file is not a regular file.
    """
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = beside(path, suffix)
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(file.lstat().st_mode):
                raise Unfit(errno.EINVAL, NOT_REGULAR, str(file))


def set_aside(path: Path) -> Path | None:
    """
    Rename the files of an unusable database, so that SQLite never applies its log to a new database.

    Returns:
        The new path of the database; None if the database was missing or empty.
    """
    left = [suffix for suffix in ("-wal", "-shm", "") if beside(path, suffix).exists()]
    number = 1
    while any(beside(path, f".damaged-{number}{suffix}").exists() for suffix in left):
        number += 1
    aside = beside(path, f".damaged-{number}")
    for suffix in left:
        if beside(path, suffix).stat().st_size:
            beside(path, suffix).rename(beside(aside, suffix))
        else:
            beside(path, suffix).unlink()
    return aside if aside.exists() else None


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file with a suffix, such as "-wal", that belongs to a database."""
    return path.with_name(path.name + suffix)
