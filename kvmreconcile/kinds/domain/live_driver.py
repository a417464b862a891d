"""
The verbs that change a running domain: the second half of its driver.

A change is always stored first; these then read the stored definition back and pass its element on, so that
address, MAC and alias agree in both. Separate because they grow with every device that libvirt learns to plug.
"""

import re
import time
from collections.abc import Callable, Mapping

import libvirt

from kvmreconcile.errors import Busy, NotFound
from kvmreconcile.kinds.domain.edits import changed
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate, parse, to_xml

STORED = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
"""The stored definition, secrets and all."""
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
POLL_S = 0.1
_DETACH_TIMEOUT_S = 10.0
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
_GIVEN_ALIAS = re.compile(r"\s*<alias name='(?!ua-)[^']*'/>")
"""An alias that libvirt gave, counting anew at each start; in no stored definition, and so no name of a device."""
_BALLOON_TIMEOUT_S = 5.0
_DETACH_TRIES = 2


def find(virt: libvirt.virConnect, action: Action) -> libvirt.virDomain:
    """Return the domain that an action is about."""
    return virt.lookupByName(action.key.name)


def running_xml(domain: libvirt.virDomain) -> str:
    """Return the running definition, secrets and all, without the aliases that libvirt gave."""
    return _GIVEN_ALIAS.sub("", domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE))


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
    domain, current = find(virt, action), _stored(virt, action).child("currentMemory")
    if current is None:
        return
    domain.setMemoryFlags(int(current.text), LIVE)
    deadline = time.monotonic() + _BALLOON_TIMEOUT_S
    while _running(domain).get("currentMemory") != current.text and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _set_lifecycle(virt: libvirt.virConnect, action: Action) -> None:
    for change in action.changes:
        event, value = _EVENTS[change.rule], change.new
        if isinstance(value, str):
            find(virt, action).setLifecycleAction(event, _LIFECYCLE[value], LIVE)


def _set_vcpus(virt: libvirt.virConnect, action: Action) -> None:
    vcpu = _stored(virt, action).child("vcpu")
    if vcpu is not None:
        find(virt, action).setVcpusFlags(int(vcpu.attr("current") or vcpu.text), LIVE)


def _stored(virt: libvirt.virConnect, action: Action) -> Node:
    return parse(find(virt, action).XMLDesc(STORED))


def _running(domain: libvirt.virDomain) -> Node:
    return parse(running_xml(domain))


def _attach(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    if locate(_running(domain), action.steps, RULES) is not None:
        return
    device = locate(_stored(virt, action), action.steps, RULES)
    if device is None:
        raise NotFound(f"{action.key}: {'/'.join(action.steps)} is not in the stored definition")
    domain.attachDeviceFlags(to_xml(device), LIVE)


def _update(virt: libvirt.virConnect, action: Action) -> None:
    """
    Change the device as it runs, and nothing else of it.

    One described in part would be reset, and one as it is stored brings what waits for the next start.
    """
    domain = find(virt, action)
    running = locate(_running(domain), action.steps, RULES)
    if running is None:
        raise NotFound(f"{action.key}: {'/'.join(action.steps)} is not there to be changed")
    for change in action.changes:
        running = changed(running, change.steps[len(action.steps) :], change.new)
    domain.updateDeviceFlags(to_xml(running), LIVE)


def _detach(virt: libvirt.virConnect, action: Action) -> None:
    """Take a device out, and wait until the guest has let it go: libvirt returns before that."""
    domain = find(virt, action)
    for _ in range(_DETACH_TRIES):
        device = locate(_running(domain), action.steps, RULES)
        if device is None:
            return
        domain.detachDeviceFlags(to_xml(device), LIVE)
        deadline = time.monotonic() + _DETACH_TIMEOUT_S
        while time.monotonic() < deadline:
            if locate(_running(domain), action.steps, RULES) is None:
                return
            time.sleep(POLL_S)
    raise Busy(f"{action.key}: the guest does not let go of {'/'.join(action.steps)}")


LIVE_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "set-title": _set_text,
    "set-description": _set_text,
    "set-memory": _set_memory,
    "set-vcpus": _set_vcpus,
    "set-lifecycle": _set_lifecycle,
    "attach": _attach,
    "detach": _detach,
    "update": _update,
}
"""What `updates` names, by the verb's name."""
