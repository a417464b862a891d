"""
Subscribe to libvirt's events; each one triggers a new observation of its object.

Events may be lost, duplicated or late, so that only the object's key is passed on.
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
    The events of one kind.

    Attributes:
        call: The prefix of libvirt's functions for these events, such as "domain".
        numbers: libvirt's numbers of the events.
    """

    call: str
    numbers: tuple[int, ...]


class Subscription:
    """
    A subscription to events, until it is cancelled or its connection ends.

    Attributes:
        failure: The exception that a callback raised, else None; libvirt only prints it.
        unreachable_kinds: Kinds whose daemon cannot be reached now; a new connection may reach it.
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
        """Cancel the subscription; callbacks of a lost connection are gone already."""
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
                # The handle holds the name; a call to libvirt would block the event loop for ever.
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
    Call `trigger` with the key of every object that has an event.

    Args:
        connection: A connection has at most one subscription: libvirt accepts one callback for each event and
            connection (more only for single objects).
        trigger: Called in the event loop's thread; it must only enqueue the key, as it blocks all further events.
        events: The events by kind.

    Returns:
        The subscription. Kinds for which the hypervisor has no events are left out.
    """
    return Subscription(connection, trigger, events)
