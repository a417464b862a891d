"""
Look now and then whether guests that run do their work, and tell.

Separate from passes, which wait for that only right after a start. One look may take seconds, so it is made in
threads and with a connection of its own, and no pass ever waits for it. It changes nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from threading import Condition, Thread
from types import TracebackType
from typing import Any, Self

import structlog

from kvmreconcile.errors import HostError, NotYet, Unavailable
from kvmreconcile.events.events import Lost, PassEvent, PassPlanned, ReadinessProbed
from kvmreconcile.model import Action, Key
from kvmreconcile.plan.order.starts import readiness_probes
from kvmreconcile.reconcile.stale import is_about_all
from kvmreconcile.session.kinds import Kinds

AT_ONCE = 4
"""How many guests are looked at at the same time."""
AGAIN_S = 15.0
"""How soon those are looked at again of which one was not ready."""

log = structlog.get_logger()


class ReadinessProbe:
    """
    Follows the passes, and looks at guests after each that has looked at everything.

    Args:
        connect: Opens a connection for one round of looks.
        told: Called with what each round has found.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Any]],
        kinds: Kinds,
        told: Callable[[PassEvent], None],
        again_s: float = AGAIN_S,
    ) -> None:
        self._connect = connect
        self._kinds = kinds
        self._told = told
        self._again_s = again_s
        self._changed = Condition()
        self._wanted: tuple[Action, ...] = ()
        self._busy: frozenset[Key] = frozenset()
        self._is_due = self._is_over = False

    def __enter__(self) -> Self:
        # What it waits for may take seconds, and is no reason to end later.
        Thread(target=self._work, name="probe", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def __call__(self, news: PassEvent) -> None:
        """Take a piece of news in: whom to look at, and when."""
        if not isinstance(news, PassPlanned | Lost):
            return
        with self._changed:
            if isinstance(news, Lost):
                self._wanted = ()
                return
            self._wanted = tuple(readiness_probes(news.world))
            # What is being worked on is waited for there.
            self._busy = news.busy | {action.key for action in news.allowed.actions}
            self._is_due |= any(map(is_about_all, news.triggered_by))
            self._changed.notify()

    def _work(self) -> None:
        again_s: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_due or self._is_over, again_s)
                if self._is_over:
                    return
                self._is_due = False
                wanted = [action for action in self._wanted if action.key not in self._busy]
            unready = self._round(wanted)
            again_s = self._again_s if unready else None

    def _round(self, wanted: list[Action]) -> Mapping[Key, str]:
        """Look at all of them once and tell what was found; return who is not ready."""
        look = _Look(self._kinds)
        try:
            if wanted:
                with self._connect() as connection:
                    look.at(wanted, connection)
        except HostError as error:
            # That libvirt is lost is for passes to find and to tell; until then nothing is known anew.
            log.debug("probe.broken_off", why=str(error))
            return look.unready
        with self._changed:
            still = {action.key for action in self._wanted} - self._busy
        # Of what a pass has taken in hand meanwhile, or found off, it tells itself.
        asked = frozenset(action.key for action in wanted if action.key in still)
        unready = {key: why for key, why in look.unready.items() if key in asked}
        if not self._is_over:
            self._told(ReadinessProbed(datetime.now(UTC), asked, unready))
        return unready


@dataclass(slots=True)
class _Look:
    """One round of looks, and whom it found not to be ready."""

    kinds: Kinds
    unready: dict[Key, str] = field(default_factory=dict)
    _lost: list[Unavailable] = field(default_factory=list)

    def at(self, wanted: Iterable[Action], connection: Any) -> None:
        """
        Look at all, several at the same time.

        Raises:
            Unavailable: The connection was lost.
        """
        left = SimpleQueue[Action]()
        for action in wanted:
            left.put(action)
        threads = [
            Thread(target=self._work, args=(left, connection), name="probe-look", daemon=True)
            for _ in range(AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._lost:
            raise self._lost[0]

    def _work(self, left: SimpleQueue[Action], connection: Any) -> None:
        with suppress(Empty):
            while not self._lost:
                action = left.get_nowait()
                if why := self._lack(action, connection):
                    self.unready[action.key] = why

    def _lack(self, action: Action, connection: Any) -> str:
        """Look at one; return why it is not ready, "" if it is."""
        try:
            self.kinds[action.key.kind].driver().perform(connection, action)
        except Unavailable as error:
            self._lost.append(error)
        except HostError as error:
            return error.why if isinstance(error, NotYet) else str(error)
        return ""
