"""Raise errors of the database and its files as StateError, with advice."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.system.bounded_read import Unfit
from kvmreconcile.system.owner import acting_as_owner

_SPACE = "make space on its file system"
_QUOTA = "raise the disk quota, or remove files that count against it"
_MIN_FREE = 64 << 10
"""A file system with less free space, in bytes, counts as full: the smallest database takes more."""
_AWAY = "remove it, or move it away"
_LINK = "put the file itself in place of the link, or remove the link"
_USER = "this user (for root: the owner of the state directory)"
_AS = "run this as the owner of the state directory or as root"
_RIGHTS = (
    f"{_AS}, allow {_USER} to read and write it and its directory, or set another directory with --state"
)
_TODO = {
    errno.ELOOP: _LINK,
    errno.EISDIR: _AWAY,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _QUOTA,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
"""The advice for an error of the system, by its number."""
_ELSE = "check the state directory and its file system, or set another directory with --state"


@contextmanager
def state_errors(path: Path) -> Iterator[None]:
    """
    Act as the owner of a file's directory, and raise errors of the database and the file system as StateError.

    Raises:
        StateError: The database or a file cannot be used.
    """
    try:
        with acting_as_owner(path.parent):
            yield
    except sqlite3.Error as error:
        with acting_as_owner(path.parent):
            todo = _todo(error, path)
        raise StateError(f"{path}: the state cannot be used: {error}; {todo}") from error
    except OSError as error:
        where = error.filename or path
        if isinstance(error, Unfit):
            with acting_as_owner(path.parent):
                todo = _LINK if Path(where).is_symlink() else _AWAY
        else:
            todo = _TODO.get(error.errno or 0, _ELSE)
        raise StateError(f"{where}: the state cannot be used: {error.strerror}; {todo}") from error


def _todo(error: sqlite3.Error, path: Path) -> str:
    match primary_code(error):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                "when kvmreconcile apply or run starts, it renames a damaged file and creates a new one; "
                "no object is removed because of it"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process is using it; try again when that has finished"
        case sqlite3.SQLITE_FULL:
            return _SPACE
        case _ if _is_full(path.parent):
            # If the index of its log (-shm) does not fit, SQLite reports an I/O error.
            return _SPACE
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            other = "or set another directory with --state"
            return f"{_AS}, allow {_USER} to write the file and its directory, {other}"
        case _:
            return _ELSE


def _is_full(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _MIN_FREE


def primary_code(error: sqlite3.Error) -> int:
    """Return the primary result code of an error of SQLite; the higher bits hold details."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
