"""
Prevent libvirt from deleting a network device of the host that has the name of a network's bridge.

If the start of a network fails, libvirt 11.3 shuts the network down and deletes any device with the name of its bridge:
a bridge of the host, or its uplink (networkStartNetwork, measured). libvirt 9.0 does not delete it.
"""

import libvirt

from kvmreconcile.errors import Refused
from kvmreconcile.host.net_devices import has_net_device
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node


def check_bridge_is_free(virt: libvirt.virConnect, network: Node) -> None:
    """
    Check that no device has the name of a network's bridge, before libvirt creates that bridge.

    Raises:
        Refused: A device has that name.
    """
    if taken := find_taken_bridge(virt, network):
        raise Refused(f"Network/{network.get('name')}: {taken}")


def find_taken_bridge(virt: libvirt.virConnect, network: Node) -> Obstacle | None:
    """Return why the bridge of an inactive network cannot be created, None if it can or that is unknown."""
    bridge = network.get("bridge/@name")
    if bridge is None or mode_of(network) not in OWN_BRIDGE or not has_net_device(virt, bridge):
        return None
    return Obstacle(
        f"the host has a network device {bridge}; libvirt cannot create the bridge, and might delete that device",
        'give the network another bridge; to use an existing one, set "mode: bridge"; or, '
        f"if nothing uses the device (a libvirtd that was killed may have left it): ip link delete {bridge}",
    )
