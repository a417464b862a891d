"""
Queue the triggers of passes; one pass handles all queued triggers.

A trigger only schedules a pass and carries no data, so that a lost, duplicated or late trigger does no harm.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition

from kvmreconcile.reconcile.stale_objects import Triggers

LONGEST = 8
"""The longest delay of a trigger, as a multiple of the debounce time, while further triggers arrive."""


@dataclass(slots=True)
class Debounce:
    """
    Queued triggers, which become due together when no further trigger has arrived for some time.

    Attributes:
        debounce_s: How long no trigger must have arrived before the queued triggers are due.
        longest_s: The longest delay of the first trigger.
    """

    debounce_s: float
    longest_s: float
    _last_s: float = 0.0
    _reasons: dict[str, float] = field(default_factory=dict)

    def add(self, reason: str, now_s: float) -> None:
        """
        Queue a trigger.

        Args:
            reason: What triggers the pass; a reason that is already queued keeps its first time.
            now_s: The current time of a monotonic clock.
        """
        self._last_s = now_s
        self._reasons.setdefault(reason, now_s)

    def due_s(self) -> float | None:
        """Return when the queued triggers are due, or None if there are none."""
        if not self._reasons:
            return None
        return min(self._last_s + self.debounce_s, min(self._reasons.values()) + self.longest_s)

    def reasons(self) -> tuple[str, ...]:
        """Return the reasons of the queued triggers, without duplicates."""
        return tuple(self._reasons)

    def take(self) -> Triggers:
        """Return the queued triggers with their times, and empty the queue."""
        taken, self._reasons = self._reasons, {}
        return taken


class TriggerQueue:
    """
    A queue of triggers: any thread may enqueue triggers, and one thread waits for triggers.

    Args:
        debounce_s: How long no trigger must have arrived before the queued triggers are due.
        awake: Called by the waiting thread whenever it wakes up.
    """

    def __init__(
        self,
        debounce_s: float,
        clock: Callable[[], float] = time.monotonic,
        awake: Callable[[], object] = lambda: None,
    ) -> None:
        self._debounce = Debounce(debounce_s, LONGEST * debounce_s)
        self._clock = clock
        self._awake = awake
        self._changed = Condition()
        self._closed = False

    def enqueue(self, reason: str) -> None:
        """Schedule a pass, and return at once."""
        with self._changed:
            self._debounce.add(reason, self._clock())
            self._changed.notify_all()

    def triggered_by(self) -> tuple[str, ...]:
        """Return the reasons of the queued triggers."""
        with self._changed:
            return self._debounce.reasons()

    def wake(self) -> None:
        """Let the waiting thread call `awake`, without scheduling a pass."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let the current call of `wait` and all later calls return None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, until_s: float | None = None) -> Triggers | None:
        """
        Wait until triggers are due.

        Args:
            until_s: When to stop waiting even without a trigger, by the clock of the queue; None means never.

        Returns:
            The queued triggers, or None when the queue is closed. At `until_s`, the triggers may not be due yet, or
            there may be none.
        """
        with self._changed:
            while not self._closed:
                self._awake()
                now_s, due_s = self._clock(), self._debounce.due_s()
                times = [t for t in (due_s, until_s) if t is not None]
                if times and min(times) <= now_s:
                    return self._debounce.take()
                self._changed.wait(min(times) - now_s if times else None)
        return None
