"""Check VLANs of interfaces: Linux bridges support VLANs only since libvirt 11.0."""

from kvmreconcile.tree import Node, UnsupportedSetting

_OF_BRIDGES = frozenset({None, "nat", "route", "open", "bridge"})
"""Forward modes of networks that use a bridge."""


def _is_tagged_on_linux_bridge(interface: Node, network: Node | None) -> bool:
    """Return whether an interface has a VLAN on a Linux bridge; False if the network is unknown."""
    if interface.child("vlan") is None or _is_open_vswitch(interface):
        return False
    if interface.attr("type") == "bridge":
        return True
    if network is None or network.child("bridge") is None or _is_open_vswitch(network):
        return False
    group = interface.get("source/@portgroup")
    groups = (g for g in network.all("portgroup") if g.attr("name") == group)
    return network.get("forward/@mode") in _OF_BRIDGES and not any(map(_is_open_vswitch, groups))


def _is_open_vswitch(element: Node) -> bool:
    return element.get("virtualport/@type") == "openvswitch"


ON_LINUX_BRIDGE = UnsupportedSetting(
    when=_is_tagged_on_linux_bridge,
    what="a VLAN on a Linux bridge",
    todo="remove the VLAN from the spec, or connect the interface to Open vSwitch",
    until=(11, 0, 0),
    source="https://libvirt.org/news.html#v11-0-0-2025-01-15",
    beside=("Network", "source/@network"),
)
