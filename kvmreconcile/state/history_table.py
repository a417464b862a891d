"""Add entries to the history, and read the newest entries."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.model import Key
from kvmreconcile.state.history import HistoryEntry
from kvmreconcile.state.history_rows import read_entry, write_entry

_RECORD = "INSERT INTO history VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_TOO_MANY = "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?"
_TOO_OLD = """
    DELETE FROM history WHERE id IN (SELECT id FROM history ORDER BY id LIMIT 100) AND at < ?
"""
_HISTORY = """
    SELECT * FROM history WHERE ? IN ('', kind || '/' || name, owner) AND at >= ? ORDER BY id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Retention:
    """
    How much of the history is kept.

    Attributes:
        entries: Maximum number of entries; the oldest are deleted first.
        age_s: Maximum age in seconds. At most 100 entries are deleted because of their age at a time, so that
            a temporarily wrong clock does not delete all entries.
    """

    entries: int = 20_000
    age_s: float = 90 * 86400.0


class HistoryTable:
    """
    The table `history`.

    Args:
        using: Returns a context manager that yields the database.
        path: The path of the database, for messages.
    """

    def __init__(self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], path: Path) -> None:
        self._using = using
        self._path = path

    def record(self, entries: Iterable[HistoryEntry], keep: Retention, now: datetime) -> None:
        """Add entries in one transaction, and delete entries that exceed the retention."""
        rows = list(map(write_entry, entries))
        oldest = now.astimezone(UTC) - timedelta(seconds=keep.age_s)
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_RECORD, rows)
            database.execute(_TOO_MANY, (keep.entries,))
            database.execute(_TOO_OLD, (oldest.isoformat(),))

    def newest(self, limit: int, key: Key | None, since: datetime | None) -> tuple[HistoryEntry, ...]:
        """
        Return the newest entries, newest first.

        Args:
            limit: Maximum number of entries.
            key: Return only entries about this object, or about the objects that this document generates; None for all entries.
            since: Return only entries from this time on; None for all entries.

        Raises:
            StateError: An entry cannot be read.
        """
        begin = since.astimezone(UTC).isoformat() if since else ""
        with self._using() as database:
            rows = database.execute(_HISTORY, (str(key) if key else "", begin, limit)).fetchall()
        try:
            return tuple(map(read_entry, rows))
        except ValueError as error:
            raise StateError(
                f"{self._path}: {error}; request fewer entries, because newer entries may be readable; "
                "reconciling is not affected"
            ) from error
