"""
Open the database file, whatever condition it is in.

Separate from what is kept in it, because this is where another process, a full disk, a damaged file or a
file of another version is met.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.state.migrations import migrate
from kvmreconcile.state.owner import opened

FILE = "state.sqlite3"
_LOCK = "lock"
_BUSY_S = 10.0
"""How long to wait for another process that is writing."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def open_writable(directory: Path) -> tuple[sqlite3.Connection, Path | None]:
    """
    Open the database of a directory, or make both.

    Returns:
        The database, and where a damaged one was moved to make place for it, None if none was.

    Raises:
        StateError: The directory or the database cannot be used.
    """
    path, aside = directory / FILE, None
    with translated(path):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(directory, opened), ExitStack() as unless_ready:
            database = _sound(path)
            if database is None:
                aside = _set_aside(path)
                database = _connect(path)
            unless_ready.callback(database.close)
            database.execute("PRAGMA journal_mode=WAL")
            migrate(database, path)
            unless_ready.pop_all()
    return database, aside


def open_copy(directory: Path) -> sqlite3.Connection:
    """
    Return a copy of a directory's database that cannot be written; an empty one, and no file, if it has none.

    Raises:
        StateError: There is a database, and it cannot be read.
    """
    path, copy = directory / FILE, _connect(":memory:")
    with translated(path):
        if path.exists():
            with _locked(directory, _existing), closing(_reader(path)) as source:
                source.backup(copy)
        migrate(copy, path)
        copy.execute("PRAGMA query_only=ON")
    return copy


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """
    Turn errors of database and file system into ours.

    Raises:
        StateError: Something inside failed.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(f"{path}: the state cannot be used: {error}; {_todo(error)}") from error
    except OSError as error:
        where = error.filename or path
        todo = "give this user the right to it, or name another directory by --state"
        raise StateError(f"{where}: the state cannot be used: {error.strerror}; {todo}") from error


def _todo(error: sqlite3.Error) -> str:
    match _primary_code(error):
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "apply and run move a damaged file aside and begin anew; nothing is removed for that"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another kvmreconcile has been writing for long; try again when it is done"
        case sqlite3.SQLITE_FULL:
            return "make space on its file system"
        case _:
            return "see that this user may write the file and its directory, or name another by --state"


def _primary_code(error: sqlite3.Error) -> int:
    """Return what kind of error it is; the library puts details into the higher bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


@contextmanager
def _locked(directory: Path, open_file: Callable[[Path], int]) -> Iterator[None]:
    """
    Let one process at a time look at the files themselves, which the database's own locks do not cover.

    Args:
        open_file: Opens the lock's file. If that makes none, a missing one is as good as locked.
    """
    try:
        handle = open_file(directory / _LOCK)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _existing(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _connect(path: Path | str) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)


def _sound(path: Path) -> sqlite3.Connection | None:
    """Open a database, or make it; None where it is damaged."""
    os.close(opened(path))
    database = _connect(path)
    try:
        if database.execute("PRAGMA quick_check(1)").fetchone() == ("ok",):
            return database
    except sqlite3.DatabaseError as error:
        if _primary_code(error) not in _DAMAGED:
            database.close()
            raise
    database.close()
    return None


def _set_aside(path: Path) -> Path:
    """Rename a damaged database with its side files, which must never meet the next one."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.rename(aside.with_name(aside.name + suffix))
    return aside


def _reader(path: Path) -> sqlite3.Connection:
    """
    Open a database without writing beside it.

    A database that nobody has open has no "-wal" file, and only as an unchanging one can it be read in a
    directory that cannot be written (https://www.sqlite.org/wal.html#read_only_databases). Nobody opens it
    meanwhile: the caller holds the lock.
    """
    unused = not path.with_name(path.name + "-wal").exists()
    return _connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if unused else ''}")
