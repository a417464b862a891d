"""
libvirt's events, reduced to "look again at this object".

Separate from the connection: a one-off plan needs none of them. Events are lost, doubled and late by
nature, so they carry a key and no news.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import libvirt

from kvmreconcile.errors import Unavailable, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Key

Ring = Callable[[Key], None]


@dataclass(frozen=True, slots=True)
class Events:
    """
    What libvirt reports of the objects of one kind.

    Attributes:
        call: What libvirt's functions for these events begin with, such as "domain".
        numbers: Which events, by libvirt's numbers.
    """

    call: str
    numbers: tuple[int, ...]


class Subscription:
    """
    What rings until it is cancelled, or its connection ends.

    Attributes:
        failure: What a callback raised, None as it should be: libvirt prints such an exception and goes on.
        deaf_to: Kinds whose own daemon cannot be reached now; another connection may hear of them.
    """

    def __init__(self, connection: Connection, ring: Ring, events: Mapping[str, Events]) -> None:
        self.failure: BaseException | None = None
        self.unreachable_kinds: set[str] = set()
        self._ring = ring
        self._cancels: list[Callable[[], object]] = []
        for kind, reported in events.items():
            for number in reported.numbers:
                self._register(connection, kind, reported.call, number)

    def cancel(self) -> None:
        """Ring no more. What ended with the connection is no error."""
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

        def callback(_virt: object, subject: libvirt.virDomain, *_news: object) -> None:
            try:
                # The name is in the handle: a call that goes out would block the loop for ever.
                self._ring(Key(kind, subject.name()))
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


def subscribe(connection: Connection, ring: Ring, events: Mapping[str, Events]) -> Subscription:
    """
    Call `ring` with the key of every object that something happens to.

    Args:
        connection: A new connection needs a new subscription, and has one at most: libvirt takes one
            callback for each event and connection (more only for single objects).
        ring: Called in the event loop's thread: it must only queue, for all events wait meanwhile.
        events: By kind.

    Returns:
        The subscription. Kinds of which the hypervisor tells nothing are left out.
    """
    return Subscription(connection, ring, events)
