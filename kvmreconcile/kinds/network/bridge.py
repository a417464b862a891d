"""
Prevent libvirt from deleting a host device that has the same name as a network's bridge.

If a network fails to start, libvirt 11.3 stops the network and deletes any device with the name of its
bridge. The device may be a bridge of the host, or its uplink (networkStartNetwork, measured). libvirt 9.0
does not delete the device.
"""

import libvirt

from kvmreconcile.errors import Refused
from kvmreconcile.host.net_devices import has_net_device
from kvmreconcile.kinds.network.spelling import OWN_BRIDGE, mode_of
from kvmreconcile.model import Obstacle
from kvmreconcile.tree import Node


def check_bridge_is_free(virt: libvirt.virConnect, network: Node) -> None:
    """
    Check that no device has the name of the bridge that libvirt is about to create.

    Raises:
        Refused: A device with this name exists.
    """
    if taken := find_taken_bridge(virt, network):
        raise Refused(f"Network/{network.get('name')}: {taken}")


def find_taken_bridge(virt: libvirt.virConnect, network: Node) -> Obstacle | None:
    """
    Return why the bridge of an inactive network cannot be created.

    Returns None if the bridge can be created, or if this is unknown.
    """
    bridge = network.get("bridge/@name")
    if bridge is None or mode_of(network) not in OWN_BRIDGE or not has_net_device(virt, bridge):
        return None
    return Obstacle(
        f"the host has a network device {bridge}; libvirt cannot create the bridge, and might delete that device",
        'choose another bridge name, or set "mode: bridge" to use the existing bridge; or, if nothing uses '
        f"the device (it may remain from a killed libvirtd), delete it: ip link delete {bridge}",
    )
