"""
The bell: whoever notices anything rings it, and one pass answers all rings.

Separate from passes, which need not know who rings: a ring says "look again" and never what happened, so
rings may be lost, doubled and late.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition

from kvmreconcile.reconcile.stale import Triggers

LONGEST = 8
"""How many times the debounce a ring waits at most, however many others follow it."""


@dataclass(slots=True)
class Debounce:
    """
    Rings that nobody has answered yet, which are answered together once it has been quiet.

    Attributes:
        debounce_s: How long it must have been quiet before they are answered.
        longest_s: How long the first of them waits at most.
    """

    debounce_s: float
    longest_s: float
    _last_s: float = 0.0
    _why: dict[str, float] = field(default_factory=dict)

    def add(self, why: str, now_s: float) -> None:
        """Take one in; `why` is for people."""
        self._last_s = now_s
        self._why.setdefault(why, now_s)

    def due_s(self) -> float | None:
        """Return when they are to be answered, None if there are none."""
        if not self._why:
            return None
        return min(self._last_s + self.debounce_s, min(self._why.values()) + self.longest_s)

    def why(self) -> tuple[str, ...]:
        """Return why it rang, each reason once."""
        return tuple(self._why)

    def take(self) -> Triggers:
        """Return why it rang, and begin anew."""
        rung, self._why = self._why, {}
        return rung


class TriggerQueue:
    """Rings that cross threads: any thread may ring, one waits."""

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

    def ring(self, why: str) -> None:
        """Ask for a pass; returns at once."""
        with self._changed:
            self._debounce.add(why, self._clock())
            self._changed.notify_all()

    def triggered_by(self) -> tuple[str, ...]:
        """Return why it has rung since it was last answered."""
        with self._changed:
            return self._debounce.why()

    def poke(self) -> None:
        """Have whoever waits show that it is awake, by a call of `awake` in its thread; this is no ring."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let whoever waits go, now and ever after."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, until_s: float | None = None) -> Triggers | None:
        """
        Wait for a ring, and for the quiet after it.

        Args:
            until_s: When to stop waiting even if nobody rings, by the bell's clock; None means never.

        Returns:
            Why it rang, nothing if the time is up, None once it is closed.
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
