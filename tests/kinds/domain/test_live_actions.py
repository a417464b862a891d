"""Rows of the table of live changes that depend on the guest to be changed."""

import pytest

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.plan.compare.steps import row_for
from kvmreconcile.tree import Change, Node, parse

PORT = "<controller type='pci' index='1' model='pcie-root-port'/>"
IN_PORT = "<address type='pci' bus='0x01' slot='0x00' function='0x0'/>"
ROOM = f"<controller type='pci' index='0' model='pcie-root'/>{PORT}"
NO_ROOM = f"{ROOM}<rng model='virtio'>{IN_PORT}</rng>"


def domain(devices: str) -> Node:
    return parse(f"<domain id='1'><devices>{devices}</devices></domain>")


def verb(device: str, devices: str) -> str | None:
    """Return the verb that plugs a device in, None if it waits for the next start."""
    new = parse(device)
    row = row_for(Change(("devices", new.tag), f"devices/{new.tag}", None, new), domain(devices), RULES)
    return row.verb if row else None


@pytest.mark.parametrize(
    "card",
    [
        "<hostdev type='pci'/>",
        "<hostdev type='mdev'/>",
        "<interface/>",
        "<vsock/>",
        "<disk device='disk'><target dev='vda' bus='virtio'/></disk>",
    ],
)
def test_card_is_attached_live_only_if_a_port_is_free(card: str) -> None:
    assert verb(card, ROOM) == "attach"
    assert verb(card, NO_ROOM) is None


@pytest.mark.parametrize(
    "beside", ["<hostdev type='usb'/>", "<hostdev type='scsi'/>", "<redirdev/>", "<memory model='dimm'/>"]
)
def test_device_that_is_not_a_card_needs_no_port(beside: str) -> None:
    assert verb(beside, NO_ROOM) == "attach"


@pytest.mark.parametrize(
    ("old", "new", "served"), [("network", "bridge", True), ("network", "direct", False)]
)
def test_interface_changes_live_between_network_and_bridge_but_not_to_a_host_device(
    old: str, new: str, *, served: bool
) -> None:
    change = Change(("devices", "interface[lan]", "@type"), "devices/interface/@type", old, new)

    row = row_for(change, domain(ROOM), RULES)

    assert row is not None
    assert (row.verb, row.interrupts) == (("update", False) if served else ("replug", True))
