"""
Make passes in one thread, while at least one endpoint can be reached.

Only this thread and the executions that it starts change the host.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event

import structlog

from kvmreconcile.daemon.endpoint_keeper import CONNECTING, EndpointKeeper
from kvmreconcile.daemon.reconnect import Reconnect
from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import ThreadWatchdog
from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.events.events import Connected, Lost, Subscriber, publish
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.endpoint import LIBVIRT, Down, Endpoint, Subscription
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.model import HostId
from kvmreconcile.reconcile.passes import Passes
from kvmreconcile.session.endpoints import other_endpoints
from kvmreconcile.session.kinds import Kinds, kinds_for_connection
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State

GRACE_S = 2.0
"""How long the first pass waits for endpoints that neither answer nor fail."""
_LOST = Down("the connection was lost")

_PAUSE_S = 1.0
"""How long to wait after a connection whose events cannot be subscribed to."""

log = structlog.get_logger()

Current = Mapping[str, Endpoint | Down]
"""The connections to endpoints, by the name of the endpoint."""


@dataclass(kw_only=True, slots=True, eq=False)
class Worker:
    """
    Makes passes until `stopping` is set; another thread calls `maintain`.

    Attributes:
        watchdog: Checks that this thread makes progress.
        stopping: Set by the service to stop the thread; the service also closes the queue of triggers.
    """

    settings: Settings
    kinds: Kinds
    state: State
    passes: Passes
    reconnect: Reconnect
    triggers: TriggerQueue
    watchdog: ThreadWatchdog
    subscribers: tuple[Subscriber, ...]
    stopping: Event
    _keepers: dict[str, EndpointKeeper] = field(default_factory=dict, init=False)
    _changed: Event = field(default_factory=Event, init=False)
    _reported: dict[str, Endpoint | Down] = field(default_factory=dict, init=False)

    def work(self) -> None:
        """Connect and make passes repeatedly."""
        self.watchdog.watch_this_thread()
        openers: dict[str, Callable[[], Endpoint]] = {LIBVIRT: partial(connect, self.settings.connect)}
        openers |= {name: partial(each, self.settings) for name, each in other_endpoints().items()}
        for name, open_one in openers.items():
            self._keepers[name] = EndpointKeeper(name, open_one, self._note_change, self.stopping)
            self._keepers[name].connect()
        while current := self._wait_for_endpoints():
            self._run_passes(current)
        self.passes.close()
        for keeper in self._keepers.values():
            keeper.close()

    def maintain(self) -> None:
        """Trigger a pass if a connection is lost, so that the thread that makes passes reconnects."""
        current = [keeper.current() for keeper in [*self._keepers.values()]]
        if any(not isinstance(each, Down) and each.lost for each in current):
            self.triggers.enqueue("loss")

    def _note_change(self) -> None:
        self._changed.set()
        self.triggers.enqueue("connected")

    def _wait_for_endpoints(self) -> Current | None:
        """Return the connections when there is one and the others have failed, or None if the daemon stops first."""
        waited_s = 0.0
        while not self.stopping.is_set():
            current = {name: keeper.current() for name, keeper in self._keepers.items()}
            self._report(current)
            if failure := self._keepers[LIBVIRT].failure:
                raise failure
            is_any_up = not all(isinstance(each, Down) for each in current.values())
            is_any_open = CONNECTING in current.values()
            if is_any_up and (not is_any_open or waited_s >= GRACE_S):
                return current
            self.watchdog.answer()
            if not self._changed.wait(GRACE_S):
                waited_s += GRACE_S
            self._changed.clear()
        return None

    def _report(self, current: Current) -> None:
        """Log and publish the connections that are new, and the endpoints that have become unavailable."""
        for name, each in current.items():
            before, self._reported[name] = self._reported.get(name), each
            if each is before or each == CONNECTING:
                continue
            if name != LIBVIRT:
                self._log_other(name, each, before)
            elif isinstance(each, Connection):
                host = _identify(each)
                log.info("host.connected", uri=each.uri, host_uuid=host.uuid if host else "")
                publish(self.subscribers, Connected(datetime.now(UTC), each.uri, host))
            elif isinstance(each, Down) and _is_first_failure(each, before):
                log.warning("host.unavailable", error=each.why)
                publish(self.subscribers, Lost(datetime.now(UTC), self.settings.connect, each.why))

    def _log_other(self, name: str, each: Endpoint | Down, before: Endpoint | Down | None) -> None:
        if not isinstance(each, Down):
            log.info("endpoint.connected", endpoint=name, uri=each.uri)
        elif _is_first_failure(each, before):
            log.warning("endpoint.unavailable", endpoint=name, error=each.why)

    def _run_passes(self, current: Current) -> None:
        """Make passes until a connection is lost, established or must be replaced."""
        session = self._make_session(current)
        subscriptions: dict[str, Subscription] = {}
        ended: dict[str, Down] = {}
        try:
            ended = self._subscribe(current, session, subscriptions)
            if ended:
                # It answered when the connection was opened, and may do so again at once.
                self.stopping.wait(_PAUSE_S)
            else:
                of_libvirt = subscriptions.get(LIBVIRT)
                self.reconnect.begin(misses_events=bool(of_libvirt and of_libvirt.unreachable_kinds))
                ended = self._handle_triggers(current, session)
        finally:
            # Before the connections are closed, which would leave the subscriptions behind.
            for subscription in subscriptions.values():
                subscription.cancel()
        for name, why in ended.items():
            self._keepers[name].discard(why)

    def _subscribe(
        self, current: Current, session: Session, subscriptions: dict[str, Subscription]
    ) -> dict[str, Down]:
        """Subscribe to the events of all endpoints; return those that do not answer any more."""
        for name, each in current.items():
            if isinstance(each, Down):
                continue
            kinds = {kind.name: kind for kind in session.kinds.values() if kind.endpoint == name}
            try:
                subscriptions[name] = each.subscribe(self._trigger_object, events_of(kinds))
            except Unavailable:
                return {name: self._note_loss(name, each)}
        return {}

    def _handle_triggers(self, current: Current, session: Session) -> dict[str, Down]:
        """Make passes until another session is needed; return the connections that are replaced, and why."""
        self.triggers.enqueue("connected")
        while (triggered_by := self.triggers.wait(self._due_s())) is not None:
            up = {name: each for name, each in current.items() if not isinstance(each, Down)}
            if lost := {n: self._note_loss(n, each) for n, each in up.items() if not each.is_alive()}:
                return lost
            if LIBVIRT in up and self.reconnect.is_due():
                log.info("host.renewing", uri=self.settings.connect)
                return {LIBVIRT: CONNECTING}
            if any(self._is_replaced(name, each) for name, each in current.items()):
                return {}
            self.passes.run(session, triggered_by)
        return {}

    def _make_session(self, current: Current) -> Session:
        connection, others = current[LIBVIRT], {n: each for n, each in current.items() if n != LIBVIRT}
        kinds = kinds_for_connection(self.kinds, connection)
        lend = partial(connect, self.settings.connect)
        return Session(self.settings, kinds, connection, self.state, self.stopping, lend, others=others)

    def _trigger_object(self, key: object) -> None:
        self.triggers.enqueue(str(key))

    def _is_replaced(self, name: str, each: Endpoint | Down) -> bool:
        now = self._keepers[name].current()
        return now is not each and not (isinstance(now, Down) and isinstance(each, Down))

    def _note_loss(self, name: str, lost: Endpoint) -> Down:
        """Log and publish that a connection was lost."""
        if name == LIBVIRT:
            log.warning("host.lost", uri=lost.uri)
            publish(self.subscribers, Lost(datetime.now(UTC), lost.uri, _LOST.why))
        else:
            log.warning("endpoint.lost", endpoint=name, uri=lost.uri)
        return _LOST

    def _due_s(self) -> float | None:
        """Return when a pass or a reconnection is due without a trigger, or None if neither is due."""
        return min((s for s in (self.passes.due_s(), self.reconnect.due_s) if s is not None), default=None)


def _is_first_failure(each: Down, before: Endpoint | Down | None) -> bool:
    """Return whether an endpoint has failed to answer for the first time since it was up."""
    return each != _LOST and (not isinstance(before, Down) or before in (_LOST, CONNECTING))


def _identify(connection: Connection) -> HostId | None:
    """
    Return the connected host, or None if libvirt does not identify it.

    In the latter case, the next pass tries again and reports the reason.
    """
    try:
        return connection.identify()
    except HostError:
        return None
