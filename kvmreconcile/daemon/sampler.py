"""
Sample the resource usage of domains periodically, and keep the newest sample for scrapes.

Sampling has its own threads and connections, so that a hanging libvirt delays neither passes nor scrapes. A sample that
is too old is dropped.
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
from kvmreconcile.metrics.domains import DomainMetrics
from kvmreconcile.settings.settings import Settings

MAX_MISSED = 3
"""The number of intervals after which a sample is too old."""
AT_ONCE = 4
"""The maximum number of hanging queries; each occupies one of the 20 workers that serve all clients of libvirt."""

log = structlog.get_logger()


def sample_domains(settings: Settings, metrics: Metrics) -> AbstractContextManager[object]:
    """
    Return a context in which the metrics include the resource usage of domains.

    If the settings disable these metrics, the context does nothing.
    """
    if not settings.metrics.domains:
        return nullcontext()
    sampler = Sampler(partial(connect, settings.connect), settings.metrics.interval_s, time.monotonic)
    metrics.add(DomainMetrics(sampler.newest))
    return sampler


@dataclass(frozen=True, slots=True)
class _Sample:
    """The resource usage of all domains, and the time at which its query began."""

    began_s: float
    figures: tuple[DomainStatistics, ...]


@dataclass(slots=True, eq=False)
class _SamplingTask:
    """
    The task of a sampling thread; the thread ends after another thread has received a new task.

    Attributes:
        asks_since_s: When the thread began to wait for libvirt; None while the thread does not wait.
    """

    asks_since_s: float | None


class Sampler:
    """
    Samples periodically until the context exits; the exit does not wait for queries.

    A guest whose QEMU hangs blocks the first query for its statistics. This query is abandoned, and a new query is
    made over a separate connection. In the new query, libvirt skips domains for which an earlier query still waits.

    Args:
        connect: Opens a connection, which is used until it fails.
        each_s: The interval between samples, in seconds.
        clock: Returns the seconds of a monotonic clock.
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
        self._stopped = Event()
        self._task = _SamplingTask(asks_since_s=-inf)
        self._newest: _Sample | None = None

    def __enter__(self) -> Self:
        # A call that hangs must not delay the end of the process.
        Thread(target=self._supervise, name="sampler", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()

    def newest(self) -> tuple[DomainStatistics, ...] | None:
        """Return the newest sample, or None if the last query failed or the sample is too old."""
        sample = self._newest
        if sample is None or self._clock() - sample.began_s > MAX_MISSED * self._each_s:
            return None
        return sample.figures

    def _supervise(self) -> None:
        """Start a sampling thread, and start another thread whenever a query hangs."""
        threads: list[Thread] = []
        while not self._stopped.is_set():
            threads = [thread for thread in threads if thread.is_alive()]
            since_s = self._task.asks_since_s
            is_overdue = since_s is not None and self._clock() - since_s >= self._each_s
            if is_overdue and len(threads) < AT_ONCE:
                self._task = _SamplingTask(self._clock())
                thread = Thread(target=self._work, args=(self._task,), name="sampler-worker", daemon=True)
                thread.start()
                threads.append(thread)
            self._stopped.wait(self._each_s)

    def _is_current(self, task: _SamplingTask) -> bool:
        return task is self._task and not self._stopped.is_set()

    def _work(self, task: _SamplingTask) -> None:
        failing = False
        while self._is_current(task):
            task.asks_since_s = self._clock()
            try:
                with self._connect() as connection:
                    self._sample(connection, task)
            except HostError as error:
                if not self._is_current(task):
                    return
                # A failure that persists is logged once.
                if self._newest or not failing:
                    log.warning("statistics.failed", error=str(error))
                failing = True
                self._newest = None
            task.asks_since_s = None
            self._stopped.wait(self._each_s)

    def _sample(self, connection: Connection, task: _SamplingTask) -> None:
        """Sample repeatedly while the task is current, or until libvirt fails."""
        while self._is_current(task):
            began_s = task.asks_since_s = self._clock()
            figures = read_statistics(connection)
            # The sample is kept even if the query took too long, because other queries may not be faster.
            if self._newest is None or self._newest.began_s <= began_s:
                self._newest = _Sample(began_s, figures)
            task.asks_since_s = None
            self._stopped.wait(self._each_s)
