"""
The state: what was last asked for of each object, and a history for people.

It may be lost at any time: then nothing is removed, nor changed before somebody accepts the loss.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from kvmreconcile.errors import StateError
from kvmreconcile.model import Applied, Key, Probation, StoredEdit, Suspension, World
from kvmreconcile.state.binding import Binding
from kvmreconcile.state.copies import change, known
from kvmreconcile.state.database import FILE, Opened, open_copy, open_writable, translated
from kvmreconcile.state.edits import read_edit, write_edit
from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.state.lock import Claim
from kvmreconcile.state.rows import (
    read_applied,
    read_entry,
    read_probation,
    write_applied,
    write_entry,
    write_place,
    write_probation,
)
from kvmreconcile.state.sources import Sources
from kvmreconcile.state.spec_files import SpecFiles
from kvmreconcile.state.suspensions import Suspensions

T = TypeVar("T")

_PUT = "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RENAME = "UPDATE OR REPLACE applied SET (kind, name) = (?, ?) WHERE (kind, name) = (?, ?)"
_RENAME_SOURCE = "UPDATE OR REPLACE sources SET (kind, name) = (?, ?) WHERE (kind, name) = (?, ?)"
_TRY = "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?)"
_PUT_EDIT = "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)"
_RECORD = "INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOO_MANY = "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?"
_TOO_OLD = """
    DELETE FROM history WHERE id IN (SELECT id FROM history ORDER BY id LIMIT 100) AND at < ?
"""
_HISTORY = """
    SELECT * FROM history WHERE ? IN ('', kind || '/' || name) AND at >= ? ORDER BY id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Retention:
    """
    How much of the history stays.

    Attributes:
        entries: The newest so many.
        age_s: Of those, what is younger. A few dozen at a time give way, so that a clock that is wrong for a
            moment does not cost all of them.
    """

    entries: int = 20_000
    age_s: float = 90 * 86400.0


class State:
    """
    The state database; several threads and processes may use it at once.

    Every method raises StateError where the database cannot be used, saying what to do.

    Attributes:
        flaw: What was wrong with the file in whose place this database is, such as "is missing"; "" if nothing was.
        recovered: Where a damaged database was moved when this one was opened in its place, else None.
        notice: What people should know of that, "" for nothing.
        binding: The host that the state belongs to.
        sources: The sources of specs that objects come from.
        spec_files: The file of each object's last spec.
    """

    def __init__(self, opened: Opened, path: Path) -> None:
        self.flaw = opened.flaw
        self.recovered = opened.aside
        self.notice = opened.notice(path)
        self._database = opened.database
        self._path = path
        self._lock = Lock()
        self._claim = Claim(path.parent)
        self.binding = Binding(self._using, path.parent)
        self.sources = Sources(self._using)
        self.spec_files = SpecFiles(self._using)
        self._suspensions = Suspensions(self._using, path.parent)
        self._known: dict[tuple[Any, ...], Applied] = {}
        self._garbled: dict[str, dict[Key, str]] = {}

    @classmethod
    def open(cls, directory: Path) -> "State":
        """Open the database of a directory; both are created where there is none that can be used."""
        state = cls(open_writable(directory), directory / FILE)
        if state.notice:
            entry = HistoryEntry(at=datetime.now(UTC), what=EntryKind.BROKEN, error=state.notice)
            with suppress(StateError):
                state.record([entry], Retention(), entry.at)
        return state

    @classmethod
    def open_readonly(cls, directory: Path) -> "State":
        """Look at the database as it is now without changing anything; empty where none can be used."""
        return cls(open_copy(directory), directory / FILE)

    def applied(self) -> dict[Key, Applied]:
        """Return all that is remembered, by object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM applied ORDER BY kind, name").fetchall()
        # A row that reads as before means what it meant before.
        before = self._known
        read = self._readable("applied", rows, lambda row: (row, before.get(row) or read_applied(row)))
        self._known = dict(read)
        return {applied.key: applied for applied in self._known.values()}

    def unreadable(self) -> dict[Key, str]:
        """Return of which objects something was not readable when it was last asked for, and what is wrong with it."""
        return {key: why for table in self._garbled.values() for key, why in table.items()}

    def _readable(
        self, table: str, rows: Iterable[tuple[Any, ...]], read: Callable[[tuple[Any, ...]], T]
    ) -> list[T]:
        """Return what rows hold; those that are not as they were written cost their own object alone."""
        good: list[T] = []
        unreadable = self._garbled[table] = {}
        for row in rows:
            try:
                good.append(read(row))
            except ValueError as error:
                unreadable[Key(str(row[0]), str(row[1]))] = f"{self._path}: {error}"
        return good

    def put(self, applied: Applied) -> None:
        """Remember what was asked for of one object; it is on disk when this returns."""
        with self._using() as database:
            database.execute(_PUT, write_applied(applied))

    def forget(self, key: Key) -> None:
        """Remember nothing of an object any more."""
        with self._using() as database:
            database.execute("DELETE FROM applied WHERE kind = ? AND name = ?", (key.kind, key.name))
            database.execute("DELETE FROM sources WHERE (kind, name) = (?, ?)", write_place(key))

    def rename(self, former: Key, key: Key) -> None:
        """Remember of an object under another name what was asked for, and no way back from edits; all or nothing."""
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            places = (*write_place(key), *write_place(former))
            database.execute(_RENAME, places)
            database.execute(_RENAME_SOURCE, places)
            database.execute("DELETE FROM trials WHERE (kind, name) IN ((?, ?), (?, ?))", places)
            database.execute("DELETE FROM edits WHERE (kind, name) IN ((?, ?), (?, ?))", places)

    def record(self, entries: Iterable[HistoryEntry], keep: Retention, now: datetime) -> None:
        """Add to the history, all or nothing; its oldest entries give way."""
        rows = list(map(write_entry, entries))
        oldest = now.astimezone(UTC) - timedelta(seconds=keep.age_s)
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_RECORD, rows)
            database.execute(_TOO_MANY, (keep.entries,))
            database.execute(_TOO_OLD, (oldest.isoformat(),))

    def suspended(self) -> dict[Key | None, Suspension]:
        """Return what nothing is to be done to, None for all there is; what is over may be among it."""
        return self._suspensions.all()

    def suspend(self, key: Key | None, suspension: Suspension) -> None:
        """Remember that nothing is to be done to an object, or to any, in place of what was said before."""
        self._suspensions.suspend(key, suspension)

    def resume(self, key: Key | None) -> bool:
        """Take that back, and tell whether it had been said."""
        return self._suspensions.resume(key)

    def is_unproved(self) -> bool:
        """Tell whether this state was created from nothing, so that another may have been lost before it."""
        with self._using() as database:
            return known(database, self._path.parent).unproved

    def prove(self) -> None:
        """Write down that none was lost; it is on disk when this returns."""
        if self.is_unproved():
            with self._using() as database:
                change(database, self._path.parent, lambda before: replace(before, unproved=False))

    def probations(self) -> dict[Key, Probation]:
        """Return the edits that are tried, or were taken back, by object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM trials ORDER BY kind, name").fetchall()
        return dict(self._readable("trials", rows, read_probation))

    def put_probation(self, key: Key, trial: Probation) -> None:
        """Remember how an edit is tried, or that it failed; it is on disk when this returns."""
        with self._using() as database:
            database.execute(_TRY, write_probation(key, trial))

    def end_probation(self, key: Key) -> None:
        """Remember no edit of an object as tried or taken back any more."""
        with self._using() as database:
            database.execute("DELETE FROM trials WHERE (kind, name) = (?, ?)", write_place(key))

    def edits(self) -> dict[Key, StoredEdit]:
        """Return the edits that are stored and not known to be in force, or were refused, by object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM edits ORDER BY kind, name").fetchall()
        return dict(self._readable("edits", rows, read_edit))

    def put_edit(self, key: Key, edit: StoredEdit) -> None:
        """Remember the way back from an edit, or that it was refused; it is on disk when this returns."""
        with self._using() as database:
            database.execute(_PUT_EDIT, write_edit(key, edit))

    def end_edit(self, key: Key) -> None:
        """Remember no edit of an object as stored or refused any more."""
        with self._using() as database:
            database.execute("DELETE FROM edits WHERE (kind, name) = (?, ?)", write_place(key))

    @contextmanager
    def alone(self, world: World, keys: Collection[Key]) -> Iterator[None]:
        """
        Act on some objects as they were seen, with no other process acting at the same time, or on them since.

        Threads of this process may, each on objects of its own.

        Raises:
            StateError: Another is at work, or has been since this world was looked at.
        """
        with self._claim:
            now = self.applied()
            if any(now.get(key) != world.applied.get(key) for key in keys):
                raise StateError(
                    f"{self._path}: another kvmreconcile process changed objects of this plan after "
                    "it was made; try again (the daemon does so in its next pass)"
                )
            yield

    def history(
        self, limit: int, key: Key | None = None, since: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """Return what happened last, newest first; with a key, to that object alone."""
        begin = since.astimezone(UTC).isoformat() if since else ""
        with self._using() as database:
            rows = database.execute(_HISTORY, (str(key) if key else "", begin, limit)).fetchall()
        try:
            return tuple(map(read_entry, rows))
        except ValueError as error:
            raise StateError(
                f"{self._path}: {error}; ask for fewer entries, as newer ones may be readable; "
                "reconciling is not affected"
            ) from error

    def close(self) -> None:
        """Let the database go; every other method fails after this."""
        with self._using() as database:
            database.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path):
            yield self._database
