"""
Make passes in one thread: connect to libvirt, handle triggers while the connection lasts, and reconnect.

Only this thread and the executions that it starts change the host.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Event

import structlog

from kvmreconcile.daemon.reconnect import Reconnect
from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import ThreadWatchdog
from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.events.events import Connected, Lost, Subscriber, publish
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.model import HostId
from kvmreconcile.reconcile.backoff import delay_s
from kvmreconcile.reconcile.passes import Passes
from kvmreconcile.session.kinds import Kinds, kinds_for_connection
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State

LONGEST_S = 10.0
"""The longest delay before connecting again."""

log = structlog.get_logger()


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
    _connection: Connection | None = field(default=None, init=False)

    def work(self) -> None:
        """Connect and make passes repeatedly."""
        self.watchdog.watch_this_thread()
        while not self.stopping.is_set():
            with self._connected() as connection:
                if connection:
                    self._run_passes(connection)
        self.passes.close()

    def maintain(self) -> None:
        """Trigger a pass if the connection is lost, so that the thread that makes passes reconnects."""
        connection = self._connection
        if connection and connection.lost:
            self.triggers.enqueue("loss")

    @contextmanager
    def _connected(self) -> Iterator[Connection | None]:
        """Yield a connection when it is established, or None if the daemon stops first."""
        connection = self._connect()
        if connection is None:
            yield None
            return
        with connection:
            self._connection = connection
            host = _identify(connection)
            log.info("host.connected", uri=connection.uri, host_uuid=host.uuid if host else "")
            publish(self.subscribers, Connected(datetime.now(UTC), connection.uri, host))
            try:
                yield connection
            finally:
                self._connection = None

    def _connect(self) -> Connection | None:
        attempts = 0
        while not self.stopping.is_set():
            try:
                return connect(self.settings.connect)
            except Unavailable as error:
                attempts += 1
                if attempts == 1:
                    log.warning("host.unavailable", error=str(error))
                    publish(self.subscribers, Lost(datetime.now(UTC), self.settings.connect, str(error)))
                self.watchdog.answer()
                self.stopping.wait(min(delay_s(AttemptResult.PASSING, attempts) / 4, LONGEST_S))
        return None

    def _run_passes(self, connection: Connection) -> None:
        """Make passes until the connection is lost or must be replaced."""
        kinds = kinds_for_connection(self.kinds, connection)
        open_connection = partial(connect, self.settings.connect)
        session = Session(self.settings, kinds, connection, self.state, self.stopping, open_connection)
        try:
            subscription = subscribe(
                connection, lambda key: self.triggers.enqueue(str(key)), events_of(kinds)
            )
        except Unavailable:
            return
        self.reconnect.begin(misses_events=bool(subscription.unreachable_kinds))
        self.triggers.enqueue("connected")
        while (triggered_by := self.triggers.wait(self._due_s())) is not None:
            if not connection.is_alive():
                log.warning("host.lost", uri=connection.uri)
                publish(self.subscribers, Lost(datetime.now(UTC), connection.uri, "the connection was lost"))
                break
            if self.reconnect.is_due():
                log.info("host.renewing", uri=connection.uri)
                break
            self.passes.run(session, triggered_by)
        subscription.cancel()

    def _due_s(self) -> float | None:
        """Return when a pass or a reconnection is due without a trigger, or None if neither is due."""
        return min((s for s in (self.passes.due_s(), self.reconnect.due_s) if s is not None), default=None)


def _identify(connection: Connection) -> HostId | None:
    """
    Return the connected host, or None if libvirt does not identify it.

    In the latter case, the next pass tries again and reports the reason.
    """
    try:
        return connection.identify()
    except HostError:
        return None
