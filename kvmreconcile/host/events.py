"""
libvirt's events, reduced to "look again at this object".

Separate from the connection: a one-off plan needs none of them. Events are lost, doubled and late by
nature, so they carry a key and no news.
"""

from collections.abc import Callable
from typing import Any

import libvirt

from kvmreconcile.errors import Unavailable, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Key

Ring = Callable[[Key], None]

_DOMAIN = (
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
    libvirt.VIR_DOMAIN_EVENT_ID_TUNABLE,
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
    libvirt.VIR_DOMAIN_EVENT_ID_DISK_CHANGE,
    libvirt.VIR_DOMAIN_EVENT_ID_TRAY_CHANGE,
    libvirt.VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2,
    libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED,
    libvirt.VIR_DOMAIN_EVENT_ID_MEMORY_DEVICE_SIZE_CHANGE,
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_CONTROL_ERROR,
)
"""What can move a domain away from its spec, or end what kept it busy. A guest's own doings are left out."""

# A change of metadata is told since libvirt 9.8, and the bindings to an older one have no such number.
_METADATA = getattr(libvirt, "VIR_NETWORK_EVENT_ID_METADATA_CHANGE", None)
_NETWORK = (libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, *([_METADATA] if _METADATA is not None else []))
_POOL = (libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH)

_ALL = (
    ("Domain", "domain", _DOMAIN),
    ("Network", "network", _NETWORK),
    ("StoragePool", "storagePool", _POOL),
)
"""Each kind, what libvirt's calls for its events begin with, and which events."""


class Subscription:
    """
    What rings until it is cancelled, or its connection ends.

    Attributes:
        failure: What a callback raised, None as it should be: libvirt prints such an exception and goes on.
        deaf_to: Kinds whose own daemon cannot be reached now; another connection may hear of them.
    """

    def __init__(self, connection: Connection, ring: Ring) -> None:
        self.failure: BaseException | None = None
        self.deaf_to: set[str] = set()
        self._ring = ring
        self._cancels: list[Callable[[], object]] = []
        for kind, call, events in _ALL:
            for event in events:
                self._register(connection, kind, call, event)

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
            self.deaf_to.add(kind)
            return
        self._cancels.append(lambda: deregister(number))


def subscribe(connection: Connection, ring: Ring) -> Subscription:
    """
    Call `ring` with the key of every domain, network and pool that something happens to.

    Args:
        connection: A new connection needs a new subscription, and has one at most: libvirt takes one
            callback for each event and connection (more only for single objects).
        ring: Called in the event loop's thread: it must only queue, for all events wait meanwhile.

    Returns:
        The subscription. Kinds of which the hypervisor tells nothing are left out.
    """
    return Subscription(connection, ring)
