"""
Store the last applied values of objects, suspensions, probations, stored edits and the history.

If the state is lost, no existing object is removed or changed until a user accepts the loss.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from kvmreconcile.errors import StateError
from kvmreconcile.model import Applied, Key, Probation, StoredEdit, Suspension, World
from kvmreconcile.state.binding import Binding
from kvmreconcile.state.copies import change, read_merged
from kvmreconcile.state.database import FILE, OpenDatabase, open_copy, open_writable
from kvmreconcile.state.edits import read_edit, write_edit
from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.state.history_table import HistoryTable, Retention
from kvmreconcile.state.lock import WorkLock
from kvmreconcile.state.object_texts import ObjectTexts
from kvmreconcile.state.rows import (
    read_applied,
    read_probation,
    write_applied,
    write_place,
    write_probation,
)
from kvmreconcile.state.sources import Sources
from kvmreconcile.state.state_errors import state_errors
from kvmreconcile.state.suspensions import Suspensions

T = TypeVar("T")

_PUT = "INSERT OR REPLACE INTO applied VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_RENAME = "UPDATE OR REPLACE applied SET (kind, name) = (?, ?) WHERE (kind, name) = (?, ?)"
_RENAME_SOURCE = "UPDATE OR REPLACE sources SET (kind, name) = (?, ?) WHERE (kind, name) = (?, ?)"
_PUT_PROBATION = "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?)"
_PUT_EDIT = "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)"


class State:
    """
    The state database; several threads and processes may use it at the same time.

    Every method raises StateError, with advice, if the database cannot be used.

    Attributes:
        flaw: The problem of the file that this database replaces, such as "is missing"; "" if no file was
            replaced.
        recovered: The path to which a damaged database was renamed; None if none was renamed.
        notice: A notice for users about a replaced database; "" if there is none.
        binding: The host that the state belongs to.
        sources: The spec source of each object.
        spec_files: The file of each object's last spec.
        elsewhere: The hosts of each object whose spec is or was for other hosts, until it is managed here.
        owners: The key of the document that generates an object, for objects without a document of their own.
    """

    def __init__(self, opened: OpenDatabase, path: Path) -> None:
        self.flaw = opened.flaw
        self.recovered = opened.aside
        self.notice = opened.notice(path)
        self._database = opened.database
        self._path = path
        self._lock = Lock()
        self._work_lock = WorkLock(path.parent)
        self.binding = Binding(self._using, path.parent)
        self.sources = Sources(self._using)
        self.spec_files = ObjectTexts(self._using, "spec_files")
        self.owners = ObjectTexts(self._using, "owners")
        self.elsewhere = ObjectTexts(self._using, "elsewhere")
        self._suspensions = Suspensions(self._using, path.parent)
        self._history = HistoryTable(self._using, path)
        self._applied: dict[tuple[Any, ...], Applied] = {}
        self._unreadable: dict[str, dict[Key, str]] = {}

    @classmethod
    def open(cls, directory: Path) -> "State":
        """Open the database in a directory; create the directory and the database if necessary."""
        state = cls(open_writable(directory), directory / FILE)
        if state.notice:
            entry = HistoryEntry(at=datetime.now(UTC), what=EntryKind.BROKEN, error=state.notice)
            with suppress(StateError):
                state.record([entry], Retention(), entry.at)
        return state

    @classmethod
    def open_readonly(cls, directory: Path) -> "State":
        """Open a read-only copy of the current database; the copy is empty if there is no usable database."""
        return cls(open_copy(directory), directory / FILE)

    def applied(self) -> dict[Key, Applied]:
        """Return the last applied values of each object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM applied ORDER BY kind, name").fetchall()
        # Parsing a tree is slow: rows that are unchanged since the previous call are not parsed again.
        before = self._applied
        read = self._readable("applied", rows, lambda row: (row, before.get(row) or read_applied(row)))
        self._applied = dict(read)
        return {applied.key: applied for applied in self._applied.values()}

    def unreadable(self) -> dict[Key, str]:
        """Return the objects with an unreadable row in the last read of its table, and the reason."""
        return {key: why for table in self._unreadable.values() for key, why in table.items()}

    def _readable(
        self, table: str, rows: Iterable[tuple[Any, ...]], read: Callable[[tuple[Any, ...]], T]
    ) -> list[T]:
        """Return the values of rows; skip unreadable rows, and record their objects and the errors."""
        good: list[T] = []
        unreadable = self._unreadable[table] = {}
        for row in rows:
            try:
                good.append(read(row))
            except ValueError as error:
                unreadable[Key(str(row[0]), str(row[1]))] = f"{self._path}: {error}"
        return good

    def put(self, applied: Applied) -> None:
        """Store the applied values of one object; they are on disk when this returns."""
        with self._using() as database:
            database.execute(_PUT, write_applied(applied))

    def forget(self, key: Key) -> None:
        """Delete the applied values of an object, and its source."""
        with self._using() as database:
            database.execute("DELETE FROM applied WHERE kind = ? AND name = ?", (key.kind, key.name))
            database.execute("DELETE FROM sources WHERE (kind, name) = (?, ?)", write_place(key))

    def rename(self, former: Key, key: Key) -> None:
        """Change the key of an object, and delete its probation and stored edit, in one transaction."""
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            places = (*write_place(key), *write_place(former))
            database.execute(_RENAME, places)
            database.execute(_RENAME_SOURCE, places)
            database.execute("DELETE FROM trials WHERE (kind, name) IN ((?, ?), (?, ?))", places)
            database.execute("DELETE FROM edits WHERE (kind, name) IN ((?, ?), (?, ?))", places)

    def record(self, entries: Iterable[HistoryEntry], keep: Retention, now: datetime) -> None:
        """Add entries to the history in one transaction, and delete entries that exceed the retention."""
        self._history.record(entries, keep, now)

    def suspended(self) -> dict[Key | None, Suspension]:
        """Return suspensions by object, including expired ones; the key None stands for all objects."""
        return self._suspensions.all()

    def suspend(self, key: Key | None, suspension: Suspension) -> None:
        """Store the suspension of an object, or of all objects (None); replace an earlier suspension."""
        self._suspensions.suspend(key, suspension)

    def resume(self, key: Key | None) -> bool:
        """Remove the suspension of an object, or of all objects (None); return whether it existed."""
        return self._suspensions.resume(key)

    def is_unproved(self) -> bool:
        """Return whether another state may have been lost before this one was created."""
        with self._using() as database:
            return read_merged(database, self._path.parent).unproved

    def prove(self) -> None:
        """Record that no earlier state was lost; the record is on disk when this returns."""
        if self.is_unproved():
            with self._using() as database:
                change(database, self._path.parent, lambda before: replace(before, unproved=False))

    def probations(self) -> dict[Key, Probation]:
        """Return the edits on probation and the edits that were rolled back, by object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM trials ORDER BY kind, name").fetchall()
        return dict(self._readable("trials", rows, read_probation))

    def put_probation(self, key: Key, probation: Probation) -> None:
        """Store a probation or its failure; the record is on disk when this returns."""
        with self._using() as database:
            database.execute(_PUT_PROBATION, write_probation(key, probation))

    def end_probation(self, key: Key) -> None:
        """Delete the probation of an object's edit."""
        with self._using() as database:
            database.execute("DELETE FROM trials WHERE (kind, name) = (?, ?)", write_place(key))

    def edits(self) -> dict[Key, StoredEdit]:
        """Return the stored edits that libvirt refused or that are not known to be in force, by object."""
        with self._using() as database:
            rows = database.execute("SELECT * FROM edits ORDER BY kind, name").fetchall()
        return dict(self._readable("edits", rows, read_edit))

    def put_edit(self, key: Key, edit: StoredEdit) -> None:
        """Store how to undo an edit, or that libvirt refused it; the record is on disk when this returns."""
        with self._using() as database:
            database.execute(_PUT_EDIT, write_edit(key, edit))

    def end_edit(self, key: Key) -> None:
        """Delete the stored edit of an object."""
        with self._using() as database:
            database.execute("DELETE FROM edits WHERE (kind, name) = (?, ?)", write_place(key))

    @contextmanager
    def alone(self, world: World, keys: Collection[Key]) -> Iterator[None]:
        """
        Lock the state while a plan is executed, so that no other process can execute a plan.

        Threads of this process may execute plans for other objects at the same time.

        Args:
            world: The world that the plan was made from.
            keys: The objects of the plan.

        Raises:
            StateError: Another process is executing a plan, or changed one of the objects after the plan
                was made.
        """
        with self._work_lock:
            now = self.applied()
            if any(now.get(key) != world.applied.get(key) for key in keys):
                raise StateError(
                    f"{self._path}: another kvmreconcile process changed objects of this plan after "
                    "the plan was made; try again (the daemon tries again in its next pass)"
                )
            yield

    def history(
        self, limit: int, key: Key | None = None, since: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """
        Return the newest history entries, newest first.

        Args:
            limit: Maximum number of entries.
            key: Return only entries about this object; None for all entries.
            since: Return only entries from this time on; None for all entries.
        """
        return self._history.newest(limit, key, since)

    def close(self) -> None:
        """Close the database; no other method may be called afterwards."""
        with self._using() as database:
            database.close()

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock, state_errors(self._path):
            yield self._database
