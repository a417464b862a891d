"""Convert errors of the database and its files to StateError, with advice."""

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
"""A file system with less free space (in bytes) counts as full: the smallest database is larger."""
_AWAY = "remove it, or move it away"
_LINK = "put the file itself in place of the link, or remove the link"
_USER = "this user (for root: the owner of the state directory)"
_AS = "run this command as the owner of the state directory or as root"
_RIGHTS = f"{_AS}, allow {_USER} to read and write the file and its directory, or set another directory with --state"
_TODO = {
    errno.ELOOP: _LINK,
    errno.EISDIR: _AWAY,
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _QUOTA,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
}
"""The advice by the number of the system error."""
_ELSE = "check the state directory and its file system, or set another directory with --state"


@contextmanager
def state_errors(path: Path) -> Iterator[None]:
    """
    Act as the owner of the directory of `path`, and convert errors of the database and files to StateError.

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
                "the next start of kvmreconcile apply or run renames the damaged file and creates a new one; "
                "no object is removed because of this"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process is using the database; try again when it has finished"
        case sqlite3.SQLITE_FULL:
            return _SPACE
        case _ if _is_full(path.parent):
            # SQLite reports an I/O error if there is no space for the index of the log (-shm).
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
    """Return the primary result code of an SQLite error, without the bits for details."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
