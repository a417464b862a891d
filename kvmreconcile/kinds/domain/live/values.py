"""
Values of a running domain that libvirt sets by a call of their own each.

Separate from devices, which are plugged: here the stored definition or the change alone tells the value.
"""

import time
from collections.abc import Callable, Mapping

import libvirt

from kvmreconcile.kinds.domain.live.definitions import LIVE, POLL_S, find, running, stored
from kvmreconcile.model import Action
from kvmreconcile.tree import Node

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
_BALLOON_TIMEOUT_S = 5.0


def _set_text(virt: libvirt.virConnect, action: Action) -> None:
    kind = {
        "set-title": libvirt.VIR_DOMAIN_METADATA_TITLE,
        "set-description": libvirt.VIR_DOMAIN_METADATA_DESCRIPTION,
    }
    value = action.changes[0].new
    text = value.text if isinstance(value, Node) else value
    # libvirt-python's annotations know of no None, which takes the text away.
    set_metadata: Callable[..., int] = find(virt, action).setMetadata
    set_metadata(kind[action.verb], text, None, None, LIVE)


def _set_memory(virt: libvirt.virConnect, action: Action) -> None:
    """Set the balloon's size, and give the guest time to follow; one without the driver never does."""
    domain = find(virt, action)
    current = stored(domain).child("currentMemory")
    if current is None:
        return
    domain.setMemoryFlags(int(current.text), LIVE)
    deadline = time.monotonic() + _BALLOON_TIMEOUT_S
    while running(domain).get("currentMemory") != current.text and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _set_lifecycle(virt: libvirt.virConnect, action: Action) -> None:
    for change in action.changes:
        event, value = _EVENTS[change.rule], change.new
        if isinstance(value, str):
            find(virt, action).setLifecycleAction(event, _LIFECYCLE[value], LIVE)


def _set_vcpus(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    vcpu = stored(domain).child("vcpu")
    if vcpu is not None:
        domain.setVcpusFlags(int(vcpu.attr("current") or vcpu.text), LIVE)


VALUE_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "set-title": _set_text,
    "set-description": _set_text,
    "set-memory": _set_memory,
    "set-vcpus": _set_vcpus,
    "set-lifecycle": _set_lifecycle,
}
"""What `updates` names, by the verb's name."""
