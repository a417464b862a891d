"""Open the database: replace a missing, empty or damaged file, and migrate older versions."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.state.copies import initial_content, store_content, synchronize
from kvmreconcile.state.database_file import (
    DAMAGED,
    EMPTY,
    MISSING,
    beside,
    check_regular,
    set_aside,
    visible_flaw,
)
from kvmreconcile.state.database_lock import lock_database, open_existing
from kvmreconcile.state.durable import create_private, open_private, rename_durably
from kvmreconcile.state.migrations import migrate
from kvmreconcile.state.second_copy import FILE as SECOND_COPY
from kvmreconcile.state.second_copy import Copy, read_copy
from kvmreconcile.state.state_errors import primary_code, state_errors

FILE = "state.sqlite3"
_BUSY_S = 10.0
"""Maximum time to wait for another process that is writing."""
_LONGEST = 64 << 20
"""Maximum size of a value in the database, in bytes; a definition has a few thousand."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """
    An open database.

    Attributes:
        flaw: The problem of the file that this database replaces: "is missing", "is empty" or "is
            damaged"; "" if no file was replaced.
        aside: The path to which the replaced file was renamed; None if no file was renamed.
        is_known: Whether the suspensions and the host are known, from the file or from the second copy.
    """

    database: sqlite3.Connection
    flaw: str = ""
    aside: Path | None = None
    is_known: bool = True

    def notice(self, path: Path) -> str:
        """Return a notice for users about a replaced database; "" if no database was replaced."""
        where = f", and was moved to {self.aside}" if self.aside else ""
        if self.flaw and self.is_known:
            todo = f"suspensions are taken from {SECOND_COPY}; managed domains and networks are recognized by their metadata"
            return f"{path} {self.flaw}{where}; {todo}"
        return f"{path} {self.flaw}{where}" if self.flaw not in ("", MISSING) else ""


def open_writable(directory: Path) -> OpenDatabase:
    """
    Open the database in a directory; create the directory and the database if necessary.

    A missing, empty or damaged database is replaced.

    Raises:
        StateError: The directory or the database cannot be used.
    """
    path, aside, is_known = directory / FILE, None, True
    with state_errors(path):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock_database(directory, open_private), ExitStack() as on_error:
            database, flaw = _open_sound(path)
            if database is None:
                copy = read_copy(directory)
                is_known = copy is not None
                aside = set_aside(path)
                _create(path, initial_content(copy))
                database = _connect(path)
            on_error.callback(database.close)
            database.execute("PRAGMA journal_mode=WAL")
            migrate(database, path)
            _synchronize(database, directory, is_new=bool(flaw))
            on_error.pop_all()
    return OpenDatabase(database, flaw, aside, is_known)


def open_copy(directory: Path) -> OpenDatabase:
    """
    Return a read-only copy of the database in a directory.

    The copy of a missing, empty or damaged database has only the content of the second copy, if any.

    Raises:
        StateError: The database exists but cannot be read.
    """
    path, is_known = directory / FILE, True
    with state_errors(path), ExitStack() as on_error:
        database, flaw = _copy_into_memory(path)
        database = database or _connect(":memory:")
        on_error.callback(database.close)
        migrate(database, path)
        if flaw:
            copy = read_copy(directory)
            is_known = copy is not None
            store_content(database, initial_content(copy))
        database.execute("PRAGMA query_only=ON")
        on_error.pop_all()
    return OpenDatabase(database, flaw, None, is_known)


def _synchronize(database: sqlite3.Connection, directory: Path, *, is_new: bool) -> None:
    """Synchronize the database and its second copy; ignore failures unless the database is new."""
    try:
        synchronize(database, directory)
    except (OSError, sqlite3.OperationalError):
        if is_new:
            raise


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    # Views and triggers that another user added cannot act outside the database (https://www.sqlite.org/security.html).
    database.execute("PRAGMA trusted_schema=OFF")
    return database


def _open_sound(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Return an open database and "", or None and the problem of the file."""
    check_regular(path)
    flaw = visible_flaw(path)
    if flaw:
        return None, flaw
    os.close(open_private(path))
    return _check(_connect(path))


def _check(
    database: sqlite3.Connection, fill: Callable[[], object] = lambda: None
) -> tuple[sqlite3.Connection | None, str]:
    """
    Check an open database. Return it and "", or close it and return None and the problem.

    Args:
        fill: Called before the check, to fill the database.
    """
    with ExitStack() as on_error:
        on_error.callback(database.close)
        try:
            fill()
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None, DAMAGED
            if not database.execute("PRAGMA user_version").fetchone()[0]:
                return None, EMPTY
        except sqlite3.DatabaseError as error:
            if primary_code(error) not in _DAMAGED:
                raise
            return None, DAMAGED
        on_error.pop_all()
    return database, ""


def _copy_into_memory(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Return an in-memory copy of a database and "", or None and the problem of the file."""
    check_regular(path)
    flaw = visible_flaw(path)
    if flaw:
        return None, flaw
    with lock_database(path.parent, open_existing), closing(_reader(path)) as source:
        copy = _connect(":memory:")
        return _check(copy, lambda: source.backup(copy))


def _create(path: Path, copy: Copy) -> None:
    """Create a database with the content of a second copy; rename it to `path` once it is on disk."""
    new = beside(path, ".new")
    handle = create_private(new)
    try:
        with closing(_connect(new)) as database:
            # No other process uses the file before it is renamed, and an incomplete file is created again.
            database.execute("PRAGMA journal_mode=MEMORY")
            database.execute("PRAGMA synchronous=OFF")
            migrate(database, new)
            store_content(database, copy)
        os.fsync(handle)
    finally:
        os.close(handle)
    rename_durably(new, path)


def _reader(path: Path) -> sqlite3.Connection:
    """
    Open a database without writing to its directory.

    A database that no process has open has no "-wal" file. In a read-only directory, such a database can
    only be opened as immutable (https://www.sqlite.org/wal.html#read_only_databases). No other process opens
    the database at the same time, because the caller holds the lock.
    """
    unused = not beside(path, "-wal").exists()
    return _connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if unused else ''}")
