"""
Find out again and again whether the daemon gets on, and tell systemd, which ends and restarts one that does not say so.

Separate from the threads that are asked. A timer alone would prove nothing: it runs on while the thread that makes
passes waits for a lock that nobody gives back. So each thread answers for itself, and one that owes an answer for
long is stuck.
"""

import time
from collections.abc import Callable
from threading import get_ident

import structlog

from kvmreconcile.daemon.systemd import notify
from kvmreconcile.host.connection import call_in_event_loop, is_waiting_for_libvirt

EACH_S = 5.0
"""How often threads are asked; more often where systemd wants to know sooner."""
WITHIN_S = 180.0
"""How often a sign of life is wanted where systemd does not say."""
PASSES, EVENTS, TIMES = "passes", "libvirt-events", "times"
"""The threads that are asked, and the one that asks them, as they are called in the log."""

log = structlog.get_logger()


class Watchdog:
    """
    Who owes an answer, and since when.

    Attributes:
        each_s: How often `beat` is to be called.
    """

    def __init__(self, within_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody asked; `within_s` is how often systemd wants a sign of life, None if it does not say."""
        within_s = within_s or WITHIN_S
        self.each_s = min(EACH_S, within_s / 4)
        self._patience_s = within_s / 2
        self._clock = clock
        self._passes = 0
        self._owed_since_s: dict[str, float] = {}
        self._stuck: tuple[str, ...] = ()

    def watch_this_thread(self) -> None:
        """Be told which thread makes the passes: by itself, before the first."""
        self._passes = get_ident()

    def answer(self, who: str = PASSES) -> None:
        """Take an answer, from any thread; one that nobody asked for does no harm."""
        self._owed_since_s.pop(who, None)

    def beat(self, poke: Callable[[], None]) -> None:
        """
        Ask all threads, and tell systemd unless one has been silent for too long.

        Args:
            poke: Has the thread that makes passes answer, if it waits for a ring.
        """
        self.answer(TIMES)
        for who in (PASSES, EVENTS):
            self._owed_since_s.setdefault(who, self._clock())
        poke()
        call_in_event_loop(lambda: self.answer(EVENTS))
        # libvirt may be slow, and no restart of ours would make it quicker. If its daemon is dead, the connection's
        # keepalive ends the call; that is the events' thread's doing, which is asked as well.
        if is_waiting_for_libvirt(self._passes):
            self.answer(PASSES)
        stuck = self.stuck()
        if stuck and stuck != self._stuck:
            log.error("daemon.stuck", threads=list(stuck))
        self._stuck = stuck
        if not stuck:
            notify("WATCHDOG=1")
        # From now on it owes the next time that it asks.
        self._owed_since_s[TIMES] = self._clock()

    def stuck(self) -> tuple[str, ...]:
        """Return who has been silent for too long by now; any thread may ask."""
        longest_s = self._clock() - self._patience_s
        return tuple(who for who, since_s in self._owed_since_s.copy().items() if since_s < longest_s)
