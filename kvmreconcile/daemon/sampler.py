"""
Look again and again at what domains use, and keep the newest.

Separate from passes and from scrapes: a libvirt that hangs keeps neither waiting, since this has a thread and a
connection of its own. What is too old to be true is forgotten.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from threading import Event, Thread
from types import TracebackType
from typing import Self

import structlog

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.statistics import Figures, read_statistics
from kvmreconcile.metrics import Metrics
from kvmreconcile.metrics.domains import Domains
from kvmreconcile.settings import Settings

MISSED = 3
"""How many looks may be overdue before the last is too old."""

log = structlog.get_logger()


def sampling(settings: Settings, metrics: Metrics) -> AbstractContextManager[object]:
    """Return a block in which metrics tell what domains use, if the settings ask for it."""
    if not settings.metrics.domains:
        return nullcontext()
    sampler = Sampler(partial(connect, settings.connect), settings.metrics.interval_s, time.monotonic)
    metrics.add(Domains(sampler.newest))
    return sampler


class Sampler:
    """
    Looks from the beginning of the block to its end, which waits for no look.

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
        self._found: tuple[float, tuple[Figures, ...]] | None = None

    def __enter__(self) -> Self:
        # A call that hangs is no reason to end later.
        Thread(target=self._work, name="sampler", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()

    def newest(self) -> tuple[Figures, ...] | None:
        """Return what the last look has found, None if it failed or was long ago."""
        found = self._found
        if found is None or self._clock() - found[0] > MISSED * self._each_s:
            return None
        return found[1]

    def _work(self) -> None:
        failing = False
        while not self._over.is_set():
            try:
                with self._connect() as connection:
                    self._look(connection)
            except HostError as error:
                # While it lasts, once is enough; and once told to end, nobody asks any more.
                if (self._found or not failing) and not self._over.is_set():
                    log.warning("statistics.failed", error=str(error))
                failing = True
            self._found = None
            self._over.wait(self._each_s)

    def _look(self, connection: Connection) -> None:
        """Look until told to stop, or until libvirt fails."""
        while not self._over.is_set():
            figures = read_statistics(connection)
            self._found = self._clock(), figures
            self._over.wait(self._each_s)
