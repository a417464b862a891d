"""
Keep libvirt from deleting a network device of the host that has the name of a network's bridge.

If the start of a network fails, libvirt 11.3 shuts the network down and deletes any device with the name of its bridge:
a bridge of the host, or its uplink (networkStartNetwork, measured). libvirt 9.0 does not delete it.
"""

from collections.abc import Iterator

import libvirt

from kvmreconcile.errors import HostError, NotFound, Refused
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.tree import Node, parse


def check_bridge_is_free(virt: libvirt.virConnect, network: Node) -> None:
    """
    Check, before a network is started that makes its bridge, that no device has the bridge's name.

    Raises:
        Refused: There is such a device.
    """
    bridge = network.get("bridge/@name")
    if bridge is None or mode_of(network) not in OWN_BRIDGE or not _exists(virt, bridge):
        return
    raise Refused(
        f"Network/{network.get('name')}: cannot create the bridge {bridge}: the host has a device of that name, which "
        "libvirt might delete; give the network another bridge, or, if nothing uses the device (a killed libvirtd may "
        f"have left it): ip link delete {bridge}"
    )


def _exists(virt: libvirt.virConnect, device: str) -> bool:
    """Tell whether the host has a network device; False if libvirt cannot tell."""
    try:
        with translated(device):
            virt.interfaceLookupByName(device)
    except NotFound:
        return False
    except HostError:
        # On Debian 13 the interface driver is a separate package; the node device driver always comes with networks.
        return device in _devices(virt)
    return True


def _devices(virt: libvirt.virConnect) -> Iterator[str]:
    try:
        with translated("devices"):
            for each in virt.listAllDevices(libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET):
                yield parse(each.XMLDesc(0)).get("capability/interface") or ""
    except HostError:
        return
