"""
Write history entries, and keep them in memory while they cannot be written.

A change of an object is not made if the state cannot record it. An error of the history prevents no change.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from kvmreconcile.errors import StateError
from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.state.history_table import Retention
from kvmreconcile.state.state import State

WAITING = 1000
"""Maximum number of entries in memory; the oldest entries are dropped first."""


class Recorder:
    """
    Writes history entries; thread-safe. An entry that cannot be written is kept until a later write.

    Args:
        keep: How much of the history is kept.
        report: Called with the reason when writes start to fail, and with "" when they succeed again.
    """

    def __init__(self, state: State, keep: Retention, report: Callable[[str], None]) -> None:
        self._state = state
        self._keep = keep
        self._report = report
        self._lock = Lock()
        self._waiting: deque[HistoryEntry] = deque()
        self._lost = 0
        self._why = ""

    def record(self, now: datetime, *entries: HistoryEntry) -> None:
        """Write new and waiting entries, and delete old entries. Never raises StateError."""
        with self._lock:
            self._waiting.extend(entries)
            why = self._write(now)
            has_changed = bool(why) != bool(self._why)
            self._why = why
        if has_changed:
            self._report(why)

    def _write(self, now: datetime) -> str:
        """Write all waiting entries; return the reason if none could be written, or "" on success."""
        try:
            self._state.record((*self._gap(now), *self._waiting), self._keep, now)
        except StateError as error:
            while len(self._waiting) > WAITING:
                self._waiting.popleft()
                self._lost += 1
            return str(error)
        self._waiting.clear()
        self._lost = 0
        return ""

    def _gap(self, now: datetime) -> tuple[HistoryEntry, ...]:
        """Return a list with one entry that states how many entries were dropped; an empty list if none was."""
        if not self._lost:
            return ()
        what = "1 history entry was" if self._lost == 1 else f"{self._lost} history entries were"
        why = f"{what} dropped, because the history could not be written: {self._why}"
        return (HistoryEntry(at=now, what=EntryKind.BROKEN, error=why),)
