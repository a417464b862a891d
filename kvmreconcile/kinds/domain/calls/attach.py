"""
Attach, update, detach and replug devices of a running domain.

A device is attached with its element from the stored definition, so that its address, MAC address and alias
are the same in both definitions.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import libvirt

from kvmreconcile.errors import NotFound, Refused, Rejected, Unsupported
from kvmreconcile.host.errors import ErrorClass, translated
from kvmreconcile.kinds.domain.calls.definitions import (
    LIVE,
    find,
    running,
    running_part,
    running_steps,
    stored,
)
from kvmreconcile.kinds.domain.calls.detach import detach
from kvmreconcile.kinds.domain.calls.edits import changed
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.network.guests import change_interface
from kvmreconcile.model import Action
from kvmreconcile.tree import Node, locate, to_xml

_REFUSALS: Mapping[int, ErrorClass] = dict.fromkeys(
    (
        libvirt.VIR_ERR_INTERNAL_ERROR,  # QEMU's errors: "Failed to get "write" lock", "Image is not in qcow2 format"
        libvirt.VIR_ERR_OPERATION_FAILED,  # "bridge br9 doesn't exist"
        libvirt.VIR_ERR_OPERATION_INVALID,  # "network 'lan' is not active"
        libvirt.VIR_ERR_SYSTEM_ERROR,  # "Cannot access storage file '/x': No such file or directory"
    ),
    Refused,
)
"""Errors with which libvirt rejects a device before the guest is involved, so that no change is in progress."""


def _attach(virt: libvirt.virConnect, action: Action) -> None:
    domain = find(virt, action)
    if running_part(domain, action.steps) is not None:
        return
    device = locate(stored(domain), action.steps, RULES)
    if device is None:
        what = "/".join(action.steps)
        raise NotFound(
            f"{action.key}: {what} is not in the stored definition; the next pass or apply replans it"
        )
    _plug_in(domain, device, action)


def _plug_in(domain: libvirt.virDomain, device: Node, action: Action) -> None:
    with translated(str(action.key), _REFUSALS):
        domain.attachDeviceFlags(to_xml(device), LIVE)


def _update(virt: libvirt.virConnect, action: Action) -> None:
    """
    Update values of a running device, and keep its other values.

    The call passes the device's running element with the changed values. A partial element would reset the
    other values. The stored element would also apply changes that must wait for the next start.
    """
    domain = find(virt, action)
    device = before = running_part(domain, action.steps)
    if device is None or before is None:
        what = "/".join(action.steps)
        raise NotFound(f"{action.key}: {what} is not in the running guest; the next pass or apply replans it")
    for change in action.changes:
        device = changed(device, change.steps[len(action.steps) :], change.new)
    with translated(str(action.key), _REFUSALS):
        if device.tag == "interface":
            change_interface(virt, domain, before, device)
        else:
            domain.updateDeviceFlags(to_xml(device), LIVE)


def _replug(virt: libvirt.virConnect, action: Action) -> None:
    """
    Detach a device and attach it as stored.

    If the process is interrupted in between, the next pass attaches the device. If libvirt rejects the
    stored device, the previous device is attached again. A rejected replug is not retried, since the guest
    loses the device for a moment each time.
    """
    own = running_steps(find(virt, action), action.steps)
    device = locate(running(find(virt, action)), own, RULES) if own else None
    if own:
        detach(virt, replace(action, steps=own))
    try:
        with translated(str(action.key)):
            _attach(virt, action)
    except (Refused, Rejected, Unsupported) as error:
        given_back = ""
        if device is not None:
            _plug_in(find(virt, action), device, action)
            given_back = "; the previous device was attached again"
        raise Rejected(f"{error}{given_back}", error.code, error.domain) from error


ATTACH_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "attach": _attach,
    "detach": detach,
    "update": _update,
    "replug": _replug,
}
"""Functions of the verbs that rows of `actions` name."""
