"""
Sample periodically what domains use, and keep the newest sample for scrapes.

Separate from passes and scrapes: a libvirt that hangs delays neither, since this has threads and connections of
its own. A sample that is too old is dropped.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from math import inf
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.statistics import DomainStatistics, read_statistics
from kvmreconcile.metrics import Metrics
from kvmreconcile.metrics.domains import Domains
from kvmreconcile.settings.settings import Settings

MISSED = 3
"""After how many intervals a sample is too old."""
AT_ONCE = 4
"""How many looks may hang at once; each occupies one of the 20 workers with which libvirt serves everybody."""

log = structlog.get_logger()


def sampling(settings: Settings, metrics: Metrics) -> AbstractContextManager[object]:
    """Return a context in which metrics include what domains use, if the settings ask for it."""
    if not settings.metrics.domains:
        return nullcontext()
    sampler = Sampler(partial(connect, settings.connect), settings.metrics.interval_s, time.monotonic)
    metrics.add(Domains(sampler.newest))
    return sampler


@dataclass(slots=True, eq=False)
class _Turn:
    """
    A thread's turn to look, which ends when another thread is given one.

    Attributes:
        asks_since_s: Since when the thread waits for libvirt, None while it does not.
    """

    asks_since_s: float | None


class Sampler:
    """
    Samples until the block ends, which waits for no look.

    A guest whose QEMU hangs blocks the first look that comes to it. That look is abandoned and another one made over
    a connection of its own, for which libvirt skips a domain that somebody is already waiting for.

    Args:
        connect: Opens a connection, which is used until it fails.
        clock: Returns seconds since whenever.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Connection]],
        each_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._each_s = each_s
        self._clock = clock
        self._over = Event()
        self._turn = _Turn(asks_since_s=-inf)
        self._found: tuple[float, tuple[DomainStatistics, ...]] | None = None

    def __enter__(self) -> Self:
        # A call that hangs is no reason to end later.
        Thread(target=self._tend, name="sampler", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def newest(self) -> tuple[DomainStatistics, ...] | None:
        """Return the newest sample, None if the last look failed or the sample is too old."""
        found = self._found
        if found is None or self._clock() - found[0] > MISSED * self._each_s:
            return None
        return found[1]

    def _tend(self) -> None:
        """Give a thread a turn, and another thread one when the first does not come back."""
        looking: list[Thread] = []
        while not self._over.is_set():
            looking = [thread for thread in looking if thread.is_alive()]
            since_s = self._turn.asks_since_s
            is_overdue = since_s is not None and self._clock() - since_s >= self._each_s
            if is_overdue and len(looking) < AT_ONCE:
                self._turn = _Turn(self._clock())
                thread = Thread(target=self._work, args=(self._turn,), name="sampler-look", daemon=True)
                thread.start()
                looking.append(thread)
            self._over.wait(self._each_s)

    def _lasts(self, turn: _Turn) -> bool:
        return turn is self._turn and not self._over.is_set()

    def _work(self, turn: _Turn) -> None:
        failing = False
        while self._lasts(turn):
            turn.asks_since_s = self._clock()
            try:
                with self._connect() as connection:
                    self._look(connection, turn)
            except HostError as error:
                if not self._lasts(turn):
                    return
                # While it lasts, once is enough.
                if self._found or not failing:
                    log.warning("statistics.failed", error=str(error))
                failing = True
                self._found = None
            turn.asks_since_s = None
            self._over.wait(self._each_s)

    def _look(self, connection: Connection, turn: _Turn) -> None:
        """Look for as long as the turn lasts, or until libvirt fails."""
        while self._lasts(turn):
            began_s = turn.asks_since_s = self._clock()
            figures = read_statistics(connection)
            # Even if it took too long: it may be that none takes less.
            if self._found is None or self._found[0] <= began_s:
                self._found = began_s, figures
            turn.asks_since_s = None
            self._over.wait(self._each_s)
