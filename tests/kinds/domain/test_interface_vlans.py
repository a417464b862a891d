"""Interfaces with a VLAN on a Linux bridge, which libvirt before 11.0 does not support."""

import pytest

from kvmreconcile.kinds.domain.devices.interface.vlans import ON_LINUX_BRIDGE as ROW
from kvmreconcile.tree import parse

VLAN = "<vlan><tag id='42'/></vlan>"
ON_NETWORK = f"<interface type='network'><source network='lan'/>{VLAN}</interface>"
IN_GROUP = f"<interface type='network'><source network='lan' portgroup='a'/>{VLAN}</interface>"
OVS = "<virtualport type='openvswitch'/>"
NAT = "<network><forward mode='nat'/><bridge name='virbr0'/></network>"


@pytest.mark.case("12a")
@pytest.mark.parametrize(
    ("interface", "network", "is_refused"),
    [
        (ON_NETWORK, NAT, True),
        (ON_NETWORK, "<network><bridge name='virbr0'/></network>", True),
        (ON_NETWORK, "<network><forward mode='bridge'/><bridge name='br0'/></network>", True),
        (f"<interface type='bridge'><source bridge='br0'/>{VLAN}</interface>", None, True),
        (f"<interface type='bridge'><source bridge='ovs0'/>{OVS}{VLAN}</interface>", None, False),
        (ON_NETWORK, f"<network><forward mode='bridge'/><bridge name='ovs0'/>{OVS}</network>", False),
        (ON_NETWORK, "<network><forward mode='hostdev'/></network>", False),
        (ON_NETWORK, None, False),
        (IN_GROUP, f"<network><bridge name='ovs0'/><portgroup name='a'>{OVS}</portgroup></network>", False),
        (IN_GROUP, f"<network><bridge name='br0'/><portgroup name='b'>{OVS}</portgroup></network>", True),
        (ON_NETWORK.replace(VLAN, ""), NAT, False),
    ],
)
def test_vlan_requires_open_vswitch_before_libvirt_11(
    interface: str,
    network: str | None,
    is_refused: object,
) -> None:
    assert ROW.when(parse(interface), parse(network) if network else None) is is_refused
    assert ROW.until == (11, 0, 0)
