"""
Devices plugged into a running domain, and changed in it.

Separate from values, which libvirt sets by a call of their own each: these all go by the device's element. It
is read back from the definition just stored, so that address, MAC and alias agree in both.
"""

from collections.abc import Callable, Mapping

import libvirt

from kvmreconcile.errors import NotFound
from kvmreconcile.kinds.domain.edits import changed
from kvmreconcile.kinds.domain.live.definitions import LIVE, find, running, stored
from kvmreconcile.kinds.domain.live.detach import detach
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Action
from kvmreconcile.tree import locate, to_xml


def _attach(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    if locate(running(domain), action.steps, RULES) is not None:
        return
    device = locate(stored(domain), action.steps, RULES)
    if device is None:
        raise NotFound(f"{action.key}: {'/'.join(action.steps)} is not in the stored definition")
    domain.attachDeviceFlags(to_xml(device), LIVE)


def _update(virt: libvirt.virConnect, action: Action) -> None:
    """
    Change the device as it runs, and nothing else of it.

    One described in part would be reset, and one as it is stored brings what waits for the next start.
    """
    domain = find(virt, action)
    device = locate(running(domain), action.steps, RULES)
    if device is None:
        raise NotFound(f"{action.key}: {'/'.join(action.steps)} is not there to be changed")
    for change in action.changes:
        device = changed(device, change.steps[len(action.steps) :], change.new)
    domain.updateDeviceFlags(to_xml(device), LIVE)


def _replug(virt: libvirt.virConnect, action: Action) -> None:
    """Take a device out and put it in again as it is stored; cut short between, it is attached by the next pass."""
    detach(virt, action)
    _attach(virt, action)


PLUG_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "attach": _attach,
    "detach": detach,
    "update": _update,
    "replug": _replug,
}
"""What `updates` names, by the verb's name."""
