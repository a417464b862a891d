"""A running guest's definition in the form of a stored one, and a copy of it in a spec."""

import pytest

from kvmreconcile.kinds.domain.calls.definitions import with_networks
from kvmreconcile.kinds.domain.devices.naming import without_given_aliases
from kvmreconcile.tree import parse

NIC = "<interface type='{}'>\n  <mac address='52:54:00:00:00:01'/>\n  <source network='lan'{}/>\n</interface>"
PORT = " portgroup='a' portid='0f6bd1ae-8a4f-4b2e-a6a5-0d3c1a8b7c6d'"


@pytest.mark.parametrize(
    ("became", "source", "left"),
    [
        ("bridge", f"{PORT} bridge='br0'", f"{PORT} bridge='br0'"),
        ("direct", f"{PORT} dev='eth0' mode='bridge'", PORT),
        ("network", f"{PORT} bridge='virbr0'", f"{PORT} bridge='virbr0'"),
    ],
)
def test_interface_of_a_network_has_type_network_regardless_of_its_live_type(
    became: str, source: str, left: str
) -> None:
    xml = f"<domain>{NIC.format(became, source)}</domain>"

    assert with_networks(xml) == f"<domain>{NIC.format('network', left)}</domain>"


@pytest.mark.parametrize(
    "other",
    [
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>",
        "<interface type='direct'><mac address='52:54:00:00:00:01'/><source dev='eth0' mode='bridge'/></interface>",
    ],
)
def test_interface_without_a_network_is_unchanged(other: str) -> None:
    after = NIC.format("bridge", " bridge='br0'")

    assert with_networks(other + after) == other + NIC.format("network", " bridge='br0'")


def test_alias_that_libvirt_generated_is_not_a_device_name() -> None:
    ours, given = (
        f"<disk><alias name='{name}'/><target dev='vda'/></disk>" for name in ("ua-root", "virtio-disk0")
    )

    named = without_given_aliases(parse(f"<domain><devices>{ours}{given}</devices></domain>"))

    assert [disk.get("alias/@name") for disk in named.all("devices/disk")] == ["ua-root", None]
    assert without_given_aliases(parse("<domain/>")) == parse("<domain/>")
