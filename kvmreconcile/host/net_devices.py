"""Check in libvirt whether the host has a network device."""

import re
from collections.abc import Iterator

import libvirt

from kvmreconcile.errors import HostError, NotFound
from kvmreconcile.host.errors import translated
from kvmreconcile.tree import parse

_PLAIN = re.compile(r"[^0-9a-zA-Z]")


def has_net_device(virt: libvirt.virConnect, name: str) -> bool | None:
    """Return whether the host has a network device; None if unknown."""
    try:
        with translated(name):
            virt.interfaceLookupByName(name)
    except NotFound:
        return False
    except HostError:
        # On Debian 13, the interface driver is a separate package. The node device driver is
        # always installed with networks.
        return _is_listed(virt, name)
    return True


def _is_listed(virt: libvirt.virConnect, name: str) -> bool | None:
    try:
        with translated("devices"):
            devices = virt.listAllDevices(libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET)
            # The name of a node device consists of "net", the network device's name with "_"
            # for all characters except letters and digits, and the MAC address.
            candidates = (d for d in devices if d.name().startswith(f"net_{_PLAIN.sub('_', name)}_"))
            return name in _names(candidates)
    except HostError:
        return None


def _names(devices: Iterator[libvirt.virNodeDevice]) -> Iterator[str]:
    for device in devices:
        yield parse(device.XMLDesc(0)).get("capability/interface") or ""
