"""
Open the database file, whatever condition it is in.

Separate from what is kept in it, because this is where another process, a full disk, a damaged file or a
file of another version is met.
"""

import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.model.commands import quote
from kvmreconcile.state.copies import agree, initial, store
from kvmreconcile.state.database_file import (
    DAMAGED,
    EMPTY,
    MISSING,
    beside,
    check_regular,
    set_aside,
    visible_flaw,
)
from kvmreconcile.state.durable import created, opened, rename_durably
from kvmreconcile.state.migrations import migrate
from kvmreconcile.state.second_copy import FILE as SECOND_COPY
from kvmreconcile.state.second_copy import Copy, read_copy
from kvmreconcile.system.bounded import Unfit
from kvmreconcile.system.owner import acting_as_owner

FILE = "state.sqlite3"
_LOCK = "lock"
LOCK_S, _PAUSE_S = 30.0, 0.02
"""Maximum time to wait for another process that opens or copies the database."""
_BUSY_S = 10.0
"""How long to wait for another process that is writing."""
_LONGEST = 64 << 20
"""Maximum size of a value of the database in bytes; a definition has some thousands."""
_SPACE = "make space on its file system"
_QUOTA = "raise the disk quota, or remove files that count against it"
_LITTLE = 64 << 10
"""A file system with less room than this is full: the smallest database takes more."""
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
"""What to do about an error of the system, by its number."""
_ELSE = "check the state directory and its file system, or set another directory with --state"
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@dataclass(frozen=True, slots=True)
class Opened:
    """
    An open database.

    Attributes:
        flaw: What was wrong with the file in whose place it is: "is missing", "is empty" or "is damaged"; else "".
        aside: Where that file was moved, None if it was not.
        is_known: Whether it holds what the second copy held, and so what forbade changes.
    """

    database: sqlite3.Connection
    flaw: str = ""
    aside: Path | None = None
    is_known: bool = True

    def notice(self, path: Path) -> str:
        """Return what people should know of a database that had to be created; of the first one of all nothing."""
        where = f", and was moved to {self.aside}" if self.aside else ""
        if self.flaw and self.is_known:
            todo = f"suspensions are taken from {SECOND_COPY}; managed domains and networks are recognized by their metadata"
            return f"{path} {self.flaw}{where}; {todo}"
        return f"{path} {self.flaw}{where}" if self.flaw not in ("", MISSING) else ""


def open_writable(directory: Path) -> Opened:
    """
    Open the database of a directory; create both where there is none that can be used.

    Raises:
        StateError: The directory or the database cannot be used.
    """
    path, aside, is_known = directory / FILE, None, True
    with translated(path):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(directory, opened), ExitStack() as unless_ready:
            database, flaw = _sound(path)
            if database is None:
                copy = read_copy(directory)
                is_known = copy is not None
                aside = set_aside(path)
                _create(path, initial(copy))
                database = _connect(path)
            unless_ready.callback(database.close)
            database.execute("PRAGMA journal_mode=WAL")
            migrate(database, path)
            _have_agree(database, directory, is_new=bool(flaw))
            unless_ready.pop_all()
    return Opened(database, flaw, aside, is_known)


def open_copy(directory: Path) -> Opened:
    """
    Return a copy of a directory's database that cannot be written, an empty one where there is none that can be used.

    Raises:
        StateError: There is a database, and it cannot be read.
    """
    path, is_known = directory / FILE, True
    with translated(path), ExitStack() as unless_ready:
        database, flaw = _copied(path)
        database = database or _connect(":memory:")
        unless_ready.callback(database.close)
        migrate(database, path)
        if flaw:
            copy = read_copy(directory)
            is_known = copy is not None
            store(database, initial(copy))
        database.execute("PRAGMA query_only=ON")
        unless_ready.pop_all()
    return Opened(database, flaw, None, is_known)


def _have_agree(database: sqlite3.Connection, directory: Path, *, is_new: bool) -> None:
    """Have database and second copy agree; where the disk is full, that of a database that was there can wait."""
    try:
        agree(database, directory)
    except (OSError, sqlite3.OperationalError):
        if is_new:
            raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """
    Work as the owner of a file's directory, and turn errors of database and file system into ours.

    Raises:
        StateError: Something inside failed.
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
    match _primary_code(error):
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
            # SQLite calls it an I/O error where it is its index of the log that does not fit.
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
    return found.f_bavail * found.f_frsize < _LITTLE


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
        _wait_for(handle, directory / _LOCK)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path) -> None:
    """Lock a file; wait for another process for a limited time."""
    give_up_s = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up_s:
                what = f"it could not be locked within {LOCK_S:g} s, as another process has it locked"
                raise StateError(
                    f"{path}: the state cannot be used: {what}; see which: fuser {quote(str(path))}"
                ) from None
            time.sleep(_PAUSE_S)
        else:
            return


def _existing(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False, uri=True)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    # Views and triggers that another user added cannot act outside the database (https://www.sqlite.org/security.html).
    database.execute("PRAGMA trusted_schema=OFF")
    return database


def _sound(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Open a database; None where there is none that can be used, and why."""
    check_regular(path)
    flaw = visible_flaw(path)
    if flaw:
        return None, flaw
    os.close(opened(path))
    return _checked(_connect(path))


def _checked(
    database: sqlite3.Connection, fill: Callable[[], object] = lambda: None
) -> tuple[sqlite3.Connection | None, str]:
    """Return a database if it can be used, once it is filled; else close it and return why it cannot."""
    with ExitStack() as unless_sound:
        unless_sound.callback(database.close)
        try:
            fill()
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None, DAMAGED
            if not database.execute("PRAGMA user_version").fetchone()[0]:
                return None, EMPTY
        except sqlite3.DatabaseError as error:
            if _primary_code(error) not in _DAMAGED:
                raise
            return None, DAMAGED
        unless_sound.pop_all()
    return database, ""


def _copied(path: Path) -> tuple[sqlite3.Connection | None, str]:
    """Copy a database into memory; None where there is none that can be used, and why."""
    check_regular(path)
    flaw = visible_flaw(path)
    if flaw:
        return None, flaw
    with _locked(path.parent, _existing), closing(_reader(path)) as source:
        copy = _connect(":memory:")
        return _checked(copy, lambda: source.backup(copy))


def _create(path: Path, copy: Copy) -> None:
    """Create a database that holds a copy, under another name until it is complete and on disk."""
    new = beside(path, ".new")
    handle = created(new)
    try:
        with closing(_connect(new)) as database:
            # Nobody uses it before it has its name; of one that is cut short nothing is needed.
            database.execute("PRAGMA journal_mode=MEMORY")
            database.execute("PRAGMA synchronous=OFF")
            migrate(database, new)
            store(database, copy)
        os.fsync(handle)
    finally:
        os.close(handle)
    rename_durably(new, path)


def _reader(path: Path) -> sqlite3.Connection:
    """
    Open a database without writing beside it.

    A database that nobody has open has no "-wal" file, and only as an unchanging one can it be read in a
    directory that cannot be written (https://www.sqlite.org/wal.html#read_only_databases). Nobody opens it
    meanwhile: the caller holds the lock.
    """
    unused = not beside(path, "-wal").exists()
    return _connect(f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if unused else ''}")
