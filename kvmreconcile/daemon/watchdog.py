"""
Check periodically that the daemon's threads make progress, and notify systemd, which restarts a stuck daemon.

A timer alone would prove nothing, because it keeps running while the thread that makes passes waits forever for a lock.
So each thread must answer each check, and a thread that has not answered for too long is stuck.
"""

import time
from collections.abc import Callable
from threading import get_ident

import structlog

from kvmreconcile.daemon.systemd import notify
from kvmreconcile.host.event_loop import call_in_event_loop, is_waiting_for_libvirt

EACH_S = 5.0
"""The interval of checks; shorter if systemd's watchdog timeout requires it."""
WITHIN_S = 180.0
"""The watchdog timeout if systemd sets none."""
PASSES, EVENTS, TIMES = "passes", "libvirt-events", "times"
"""The two threads that are checked, and the thread that checks them, by their names in the log."""

log = structlog.get_logger()


class ThreadWatchdog:
    """
    Tracks which threads have not answered a check yet, and since when.

    Attributes:
        each_s: The interval at which `beat` must be called, in seconds.
    """

    def __init__(self, within_s: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Start without pending checks.

        Args:
            within_s: systemd's watchdog timeout; None if systemd sets no timeout.
        """
        within_s = within_s or WITHIN_S
        self.each_s = min(EACH_S, within_s / 4)
        self._patience_s = within_s / 2
        self._clock = clock
        self._passes = 0
        self._owed_since_s: dict[str, float] = {}
        self._stuck: tuple[str, ...] = ()

    def watch_this_thread(self) -> None:
        """Record that the calling thread makes passes; it must call this before the first pass."""
        self._passes = get_ident()

    def answer(self, thread: str = PASSES) -> None:
        """Record the answer of a thread; an answer without a check has no effect."""
        self._owed_since_s.pop(thread, None)

    def beat(self, wake: Callable[[], None]) -> None:
        """
        Check all threads, and notify systemd unless a thread has not answered for too long.

        Args:
            wake: Wakes the thread that makes passes, so that it answers even while it waits for a trigger.
        """
        self.answer(TIMES)
        for thread in (PASSES, EVENTS):
            self._owed_since_s.setdefault(thread, self._clock())
        wake()
        call_in_event_loop(lambda: self.answer(EVENTS))
        # libvirt may be slow, and a restart would not make it faster. If its daemon is dead, the connection's
        # keepalive ends the call; keepalive is processed by the event loop thread, which is checked as well.
        if is_waiting_for_libvirt(self._passes):
            self.answer(PASSES)
        stuck = self.stuck()
        if stuck and stuck != self._stuck:
            log.error("daemon.stuck", threads=list(stuck))
        self._stuck = stuck
        if not stuck:
            notify("WATCHDOG=1")
        # The next check must be in time, too.
        self._owed_since_s[TIMES] = self._clock()

    def stuck(self) -> tuple[str, ...]:
        """Return the threads that have not answered for too long; any thread may call this."""
        longest_s = self._clock() - self._patience_s
        return tuple(thread for thread, since_s in self._owed_since_s.copy().items() if since_s < longest_s)
