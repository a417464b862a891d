"""
Detach a device from a running domain, and wait until the guest has released it.

libvirt only sends the guest a request. The guest may be slow, not respond, or refuse.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

import libvirt

from kvmreconcile.errors import HostError, NotFound, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.domain.calls.definitions import LIVE, find, running, without_given_aliases
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate, parse, to_xml

_TIMEOUT_S = 30.0
_ASK_AGAIN_S = 10.0
"""A booting guest ignores a request; QEMU accepts the next one only some seconds later."""
_READ_AGAIN_S = 1.0
"""The definition is also polled, since events can be lost."""

_REMOVED = libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED
_FAILED = libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED
Removals = SimpleQueue[tuple[int, str]]
"""Events about the removal of devices, each with the device's alias."""


def detach(virt: libvirt.virConnect, action: Action) -> None:
    """
    Detach a device, and wait until the guest has released it.

    Raises:
        HostError: The guest refuses or does not respond in time. The device is still attached.
    """
    domain = find(virt, action)
    alias = _alias(domain, action.steps)
    # Subscribe before the request, so that an immediate release is not missed.
    with _events_of(virt, domain) as events:
        why, now = "", time.monotonic()
        deadline, ask_at = now + _TIMEOUT_S, now
        while (device := locate(running(domain), action.steps, RULES)) is not None:
            now = time.monotonic()
            if now >= deadline:
                raise _still_there(
                    action, f"the guest did not release the device within {_TIMEOUT_S:g} s{why}"
                )
            if now >= ask_at:
                why, ask_at = _ask(domain, device, action), now + _ASK_AGAIN_S
            elif _is_refused(events, alias):
                raise _still_there(action, "the guest refused to release the device")


def _ask(domain: libvirt.virDomain, device: Node, action: Action) -> str:
    """Request the removal of a device; return why the request failed, "" if it succeeded."""
    try:
        with translated(str(action.key)):
            domain.detachDeviceFlags(to_xml(device), LIVE)
    except NotFound:
        # The device was removed in the meantime, as the next read shows.
        return ""
    except HostError as error:
        if error.code == libvirt.VIR_ERR_OPERATION_FAILED:
            raise _still_there(
                action, f"the guest or libvirt refused to release the device ({error})"
            ) from error
        if type(error) is not HostError:
            raise
        # This code is QEMU's only sign that an earlier request, maybe of another client, is still pending.
        return f" ({error})"
    return ""


def _is_refused(events: Removals, alias: str | None) -> bool:
    """Wait briefly for an event, and return whether it reports that the guest refused."""
    try:
        event, about = events.get(timeout=_READ_AGAIN_S)
    except Empty:
        return False
    return event == _FAILED and about == alias


def _still_there(action: Action, why: str) -> HostError:
    # Not Busy, which is retried at once: the guest was asked more than once already, or refused.
    todo = (
        "release the device inside the guest (unmount the disk, set the memory offline); otherwise "
        "it is removed at the guest's next start"
    )
    if action.verb.name == "replug":
        todo = "the change takes effect at the guest's next start"
    return HostError(f"{action.key}: {'/'.join(action.steps)}: {why}; {todo}")


def _alias(domain: libvirt.virDomain, steps: tuple[str, ...]) -> str | None:
    """Return the alias by which events name a device; None if the device is gone or has no alias."""
    xml = domain.XMLDesc()
    named, aliased = parse(without_given_aliases(xml)), parse(xml)
    device = locate(named, steps, RULES)
    pairs = zip(_devices(named), _devices(aliased), strict=True)
    return next((twin.get("alias/@name") for one, twin in pairs if one is device), None)


def _devices(definition: Node) -> tuple[Node, ...]:
    devices = definition.child("devices")
    return devices.children if devices else ()


@contextmanager
def _events_of(virt: libvirt.virConnect, domain: libvirt.virDomain) -> Iterator[Removals]:
    """
    Subscribe to device removal events of a domain.

    The queue stays empty if the hypervisor does not report such events.
    """
    events: Removals = SimpleQueue()
    numbers = [number for event in (_REMOVED, _FAILED) for number in _listen(virt, domain, event, events)]
    try:
        yield events
    finally:
        for number in numbers:
            virt.domainEventDeregisterAny(number)


def _listen(
    virt: libvirt.virConnect, domain: libvirt.virDomain, event: int, events: Removals
) -> Iterator[int]:
    def callback(_virt: object, _domain: object, alias: str, _news: object) -> None:
        events.put((event, alias))

    # libvirt-python's annotations only have callbacks for all domains and all events.
    register: Callable[..., int] = virt.domainEventRegisterAny
    try:
        with translated(domain.name()):
            yield register(domain, event, callback, None)
    except Unsupported:
        return
