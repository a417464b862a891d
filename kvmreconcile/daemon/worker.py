"""
The thread that makes passes: it connects to libvirt, answers the bell while the connection lasts, and connects anew.

Separate from the service, which starts and stops it: nothing but this thread ever touches the host.
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
from kvmreconcile.daemon.watchdog import Watchdog
from kvmreconcile.errors import HostError, Unavailable
from kvmreconcile.events.attempts import Fate
from kvmreconcile.events.events import Connected, Lost, Subscriber, publish
from kvmreconcile.host.connection import Connection, connect
from kvmreconcile.host.events import subscribe
from kvmreconcile.kinds.kind import events_of
from kvmreconcile.model import HostId
from kvmreconcile.reconcile.passes import Passes
from kvmreconcile.session.kinds import Kinds, kinds_for_connection
from kvmreconcile.session.session import Session
from kvmreconcile.settings.settings import Settings
from kvmreconcile.state import State

LONGEST_S = 10.0
"""How long to wait at most before trying to connect again."""

log = structlog.get_logger()


@dataclass(kw_only=True, slots=True, eq=False)
class Worker:
    """
    Works until it is told to stop; `tend` is for another thread.

    Attributes:
        watchdog: Is shown again and again that the thread is awake.
        stopping: Is set to have it stop; whoever sets it closes the bell, too.
    """

    settings: Settings
    kinds: Kinds
    state: State
    passes: Passes
    reconnect: Reconnect
    triggers: TriggerQueue
    watchdog: Watchdog
    subscribers: tuple[Subscriber, ...]
    stopping: Event
    _connection: Connection | None = field(default=None, init=False)

    def work(self) -> None:
        """Connect and make passes, again and again."""
        self.watchdog.watch_this_thread()
        while not self.stopping.is_set():
            with self._connected() as connection:
                if connection:
                    self._serve(connection)
        self.passes.close()

    def tend(self) -> None:
        """Ring if the connection is lost: the thread that uses it makes another."""
        connection = self._connection
        if connection and connection.lost:
            self.triggers.ring("loss")

    @contextmanager
    def _connected(self) -> Iterator[Connection | None]:
        """Yield a connection as soon as there is one, None if told to stop before."""
        connection = self._connect()
        if connection is None:
            yield None
            return
        with connection:
            self._connection = connection
            host = _identified(connection)
            log.info("host.connected", uri=connection.uri, host_uuid=host.uuid if host else "")
            publish(self.subscribers, Connected(datetime.now(UTC), connection.uri, host))
            try:
                yield connection
            finally:
                self._connection = None

    def _connect(self) -> Connection | None:
        tries = 0
        while not self.stopping.is_set():
            try:
                return connect(self.settings.connect)
            except Unavailable as error:
                tries += 1
                if tries == 1:
                    log.warning("host.unavailable", error=str(error))
                    publish(self.subscribers, Lost(datetime.now(UTC), self.settings.connect, str(error)))
                self.watchdog.answer()
                self.stopping.wait(min(Fate.PASSING.wait_s(tries) / 4, LONGEST_S))
        return None

    def _serve(self, connection: Connection) -> None:
        """Make passes for as long as the connection lasts."""
        kinds = kinds_for_connection(self.kinds, connection)
        lend = partial(connect, self.settings.connect)
        session = Session(self.settings, kinds, connection, self.state, self.stopping, lend)
        try:
            subscription = subscribe(connection, lambda key: self.triggers.ring(str(key)), events_of(kinds))
        except Unavailable:
            return
        self.reconnect.begin(is_deaf=bool(subscription.deaf_to))
        self.triggers.ring("connected")
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
        """Return when there is something to do even if nobody rings."""
        return min((s for s in (self.passes.due_s(), self.reconnect.due_s) if s is not None), default=None)


def _identified(connection: Connection) -> HostId | None:
    """Return which host answers, None where it cannot be found out now; a pass asks again, and says why not."""
    try:
        return connection.identify()
    except HostError:
        return None
