"""
Add to the history whatever condition the disk is in.

Separate from the state, whose other errors stop what cannot be remembered: history never stops anything.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from kvmreconcile.errors import StateError
from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.state.state import Retention, State

WAITING = 1000
"""How many entries wait in memory while the history cannot be written; the oldest give way."""


class Recorder:
    """
    Writes entries, from any thread; what cannot be written waits for the next that can.

    Args:
        trouble: Told once why the history cannot be written, and "" once it can be again.
    """

    def __init__(self, state: State, keep: Retention, trouble: Callable[[str], None]) -> None:
        self._state = state
        self._keep = keep
        self._trouble = trouble
        self._lock = Lock()
        self._waiting: deque[HistoryEntry] = deque()
        self._lost = 0
        self._why = ""

    def record(self, now: datetime, *entries: HistoryEntry) -> None:
        """Write entries and what still waits, and let go of what is old; never fails."""
        with self._lock:
            self._waiting.extend(entries)
            why = self._write(now)
            has_turned = bool(why) != bool(self._why)
            self._why = why
        if has_turned:
            self._trouble(why)

    def _write(self, now: datetime) -> str:
        """Return why nothing could be written, "" if all was."""
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
        """Return what tells of entries that are lost."""
        if not self._lost:
            return ()
        what = "1 history entry was" if self._lost == 1 else f"{self._lost} history entries were"
        why = f"{what} dropped, because the history could not be written: {self._why}"
        return (HistoryEntry(at=now, what=EntryKind.BROKEN, error=why),)
