"""Set values of a running domain that have one libvirt call each."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.kinds.domain.calls.definitions import LIVE, POLL_S, find, running, stored
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate, to_xml
from kvmreconcile.tree.scalars import print_size

_EVENTS = {
    "on_poweroff": libvirt.VIR_DOMAIN_LIFECYCLE_POWEROFF,
    "on_reboot": libvirt.VIR_DOMAIN_LIFECYCLE_REBOOT,
    "on_crash": libvirt.VIR_DOMAIN_LIFECYCLE_CRASH,
}
_LIFECYCLE = {
    "destroy": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_DESTROY,
    "restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_RESTART,
    "rename-restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_RESTART_RENAME,
    "preserve": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_PRESERVE,
    "coredump-destroy": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_DESTROY,
    "coredump-restart": libvirt.VIR_DOMAIN_LIFECYCLE_ACTION_COREDUMP_RESTART,
}
_BALLOON_TIMEOUT_S = 10.0
_PAGE_KIB = 4
"""Unit of the balloon size: a size that is not a multiple of this unit is never reached."""


def _set_text(virt: libvirt.virConnect, action: Action) -> None:
    kind = {
        "set-title": libvirt.VIR_DOMAIN_METADATA_TITLE,
        "set-description": libvirt.VIR_DOMAIN_METADATA_DESCRIPTION,
    }
    value = action.changes[0].new
    text = value.text if isinstance(value, Node) else value
    # libvirt-python's annotations do not allow None, which removes the text.
    set_metadata: Callable[..., int] = find(virt, action).setMetadata
    set_metadata(kind[action.verb.name], text, None, None, LIVE)


def _set_memory(virt: libvirt.virConnect, action: Action) -> None:
    """
    Set the balloon size, and wait until the guest reaches it.

    Raises:
        HostError: The guest does not reach the size in time, for example because it lacks the balloon
            driver.
    """
    domain = find(virt, action)
    current = stored(domain).child("currentMemory")
    if current is None:
        return
    wanted = int(current.text)
    domain.setMemoryFlags(wanted, LIVE)
    deadline = time.monotonic() + _BALLOON_TIMEOUT_S
    while abs((has := _current_memory(domain)) - wanted) >= _PAGE_KIB:
        if time.monotonic() >= deadline:
            sizes = f"{print_size(has * 1024)} after {_BALLOON_TIMEOUT_S:g} s instead of {print_size(wanted * 1024)}"
            why = (
                "the balloon driver of the guest may be missing, not running, slow, or unable to free "
                "more memory"
            )
            raise HostError(f"{action.key}: the guest's memory is {sizes}; {why}")
        time.sleep(POLL_S)


def _current_memory(domain: libvirt.virDomain) -> int:
    return int(running(domain).get("currentMemory") or 0)


def _set_lifecycle(virt: libvirt.virConnect, action: Action) -> None:
    for change in action.changes:
        event, value = _EVENTS[change.rule], change.new
        if isinstance(value, str):
            find(virt, action).setLifecycleAction(event, _LIFECYCLE[value], LIVE)


def _set_stats(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    period = stored(domain).get("devices/memballoon/stats/@period")
    domain.setMemoryStatsPeriod(int(period or 0), LIVE)


def _set_perf(virt: libvirt.virConnect, action: Action) -> None:
    """Enable or disable the changed performance events. Events that other tools enabled are kept."""
    domain = find(virt, action)
    definition = stored(domain)
    events: dict[str, bool] = {}
    for change in action.changes:
        wanted = locate(definition, change.steps[:2], RULES)
        event = wanted or change.old
        if isinstance(event, Node):
            events[event.attr("name") or ""] = wanted is not None and event.attr("enabled") == "yes"
    domain.setPerfEvents(events, LIVE)


def _set_metadata(virt: libvirt.virConnect, action: Action) -> None:
    """Set or remove the metadata element of a namespace. libvirt adds the namespace."""
    domain = find(virt, action)
    element = locate(stored(domain), action.steps, RULES)
    gone = next((c.old for c in action.changes if isinstance(c.old, Node)), None)
    name = element or gone
    if name is None:
        return
    uri = name.tag[1:].partition("}")[0]
    text = to_xml(_bare(element, uri)) if element else None
    # libvirt-python's annotations do not allow None, which removes the element.
    set_metadata: Callable[..., int] = domain.setMetadata
    set_metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, name.prefix or "ns0", uri, LIVE)


def _bare(node: Node, uri: str) -> Node:
    """Return an element without its namespace. Its descendants also lose the namespace."""
    tag = node.tag.removeprefix(f"{{{uri}}}")
    return replace(node, tag=tag, prefix=None, children=tuple(_bare(child, uri) for child in node.children))


VALUE_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "set-title": _set_text,
    "set-description": _set_text,
    "set-memory": _set_memory,
    "set-stats": _set_stats,
    "set-perf": _set_perf,
    "set-metadata": _set_metadata,
    "set-lifecycle": _set_lifecycle,
}
"""Functions of the verbs that rows of `actions` name."""
