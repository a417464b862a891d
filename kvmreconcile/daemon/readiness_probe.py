"""
Probe the readiness of running guests periodically, and publish the result.

Passes wait for readiness only right after a start. A probe may take seconds, so probes have their own threads and
connection, and no pass waits for a probe. A probe changes nothing.
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
from kvmreconcile.reconcile.stale_objects import covers_everything
from kvmreconcile.session.kinds import Kinds

AT_ONCE = 4
"""The maximum number of guests that are probed at the same time."""
AGAIN_S = 15.0
"""The delay until all guests are probed again if any guest was not ready."""

log = structlog.get_logger()


class ReadinessProbe:
    """
    Subscriber that probes guests after each pass over all objects.

    Args:
        connect: Opens a connection for one round of probes.
        publish: Called with the result of each round.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Any]],
        kinds: Kinds,
        publish: Callable[[PassEvent], None],
        again_s: float = AGAIN_S,
    ) -> None:
        self._connect = connect
        self._kinds = kinds
        self._publish = publish
        self._again_s = again_s
        self._changed = Condition()
        self._wanted: tuple[Action, ...] = ()
        self._busy: frozenset[Key] = frozenset()
        self._is_due = self._is_closed = False

    def __enter__(self) -> Self:
        # A probe may take seconds and must not delay the end of the process.
        Thread(target=self._work, name="probe", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def __call__(self, event: PassEvent) -> None:
        """Record the guests to probe; after a pass over all objects, a round of probes begins."""
        if not isinstance(event, PassPlanned | Lost):
            return
        with self._changed:
            if isinstance(event, Lost):
                self._wanted = ()
                return
            self._wanted = tuple(readiness_probes(event.world))
            # Passes themselves wait for the readiness of guests that they change.
            self._busy = event.busy | {action.key for action in event.allowed.actions}
            self._is_due |= any(map(covers_everything, event.triggered_by))
            self._changed.notify()

    def _work(self) -> None:
        again_s: float | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_due or self._is_closed, again_s)
                if self._is_closed:
                    return
                self._is_due = False
                wanted = [action for action in self._wanted if action.key not in self._busy]
            unready = self._probe_all(wanted)
            again_s = self._again_s if unready else None

    def _probe_all(self, wanted: list[Action]) -> Mapping[Key, str]:
        """
        Probe all guests once, and publish the result.

        Args:
            wanted: The actions that probe the guests.

        Returns:
            The guests that are not ready, with the reasons.
        """
        probe_round = _ProbeRound(self._kinds)
        try:
            if wanted:
                with self._connect() as connection:
                    probe_round.probe_all(wanted, connection)
        except HostError as error:
            # Passes detect and report a lost connection; until then no result is published.
            log.debug("probe.broken_off", why=str(error))
            return probe_round.unready
        with self._changed:
            still = {action.key for action in self._wanted} - self._busy
        # Guests that a pass changes meanwhile, or finds shut off, are reported by the pass.
        probed = frozenset(action.key for action in wanted if action.key in still)
        unready = {key: why for key, why in probe_round.unready.items() if key in probed}
        if not self._is_closed:
            self._publish(ReadinessProbed(datetime.now(UTC), probed, unready))
        return unready


@dataclass(slots=True)
class _ProbeRound:
    """
    One round of probes.

    Attributes:
        unready: The guests that are not ready, with the reasons.
    """

    kinds: Kinds
    unready: dict[Key, str] = field(default_factory=dict)
    _lost: list[Unavailable] = field(default_factory=list)

    def probe_all(self, wanted: Iterable[Action], connection: Any) -> None:
        """
        Probe all guests, several at the same time.

        Args:
            wanted: The actions that probe the guests.

        Raises:
            Unavailable: The connection was lost.
        """
        left = SimpleQueue[Action]()
        for action in wanted:
            left.put(action)
        threads = [
            Thread(target=self._work, args=(left, connection), name="probe-worker", daemon=True)
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
                if why := self._probe_one(action, connection):
                    self.unready[action.key] = why

    def _probe_one(self, action: Action, connection: Any) -> str:
        """Return why a guest is not ready, or "" if it is ready."""
        try:
            self.kinds[action.key.kind].driver().perform(connection, action)
        except Unavailable as error:
            self._lost.append(error)
        except HostError as error:
            return error.why if isinstance(error, NotYet) else str(error)
        return ""
