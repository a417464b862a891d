"""
Subscribe to libvirt's events; each event triggers a new observation of its object.

Events may be lost, duplicated or late, so only the key of the object is passed on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from kvmreconcile.errors import Unavailable, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Key

Trigger = Callable[[Key], None]


@dataclass(frozen=True, slots=True)
class Events:
    """
    The events of one kind of object.

    Attributes:
        call: The prefix of libvirt's functions for these events, such as "domain".
        numbers: libvirt's numbers of the events.
    """

    call: str
    numbers: tuple[int, ...]


class Subscription:
    """
    A subscription to events; it ends when it is cancelled or its connection ends.

    Attributes:
        failure: The exception that a callback raised, or None. libvirt only prints such an
            exception.
        unreachable_kinds: Kinds for which libvirt's daemon cannot be reached now. A new connection
            may reach the daemon.
    """

    def __init__(self, connection: Connection, trigger: Trigger, events: Mapping[str, Events]) -> None:
        self.failure: BaseException | None = None
        self.unreachable_kinds: set[str] = set()
        self._trigger = trigger
        self._cancels: list[Callable[[], object]] = []
        for kind, reported in events.items():
            for number in reported.numbers:
                self._register(connection, kind, reported.call, number)

    def cancel(self) -> None:
        """Cancel the subscription; if the connection is lost, its callbacks no longer exist."""
        while self._cancels:
            try:
                with translated("events"):
                    self._cancels.pop()()
            except Unavailable:
                continue

    def _register(self, connection: Connection, kind: str, call: str, event: int) -> None:
        virt: Any = connection.virt
        register = getattr(virt, f"{call}EventRegisterAny")
        deregister = getattr(virt, f"{call}EventDeregisterAny")

        def callback(_virt: object, subject: libvirt.virDomain, *_details: object) -> None:
            try:
                # The handle contains the name. A libvirt call would block the event loop forever.
                self._trigger(Key(kind, subject.name()))
            except BaseException as error:
                self.failure = error
                raise

        try:
            with translated(f"events of {kind}"):
                number = register(None, event, callback, None)
        except Unsupported:
            return
        except Unavailable:
            if not connection.is_alive():
                raise
            self.unreachable_kinds.add(kind)
            return
        self._cancels.append(lambda: deregister(number))


def subscribe(connection: Connection, trigger: Trigger, events: Mapping[str, Events]) -> Subscription:
    """
    Call `trigger` with the key of each object for which libvirt reports an event.

    Args:
        connection: A connection without a subscription. libvirt accepts only one callback per event
            and connection (more only for single objects).
        trigger: Called in the event loop's thread. It must only enqueue the key, because all
            further events wait until it returns.
        events: The events to subscribe to, by kind.

    Returns:
        The subscription, without the kinds for which the hypervisor has no events.
    """
    return Subscription(connection, trigger, events)
