"""What a plan says of a disk or an interface that is detached from a running guest."""

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Actual, Key, Observation, Unknown
from kvmreconcile.tree import parse

SEEN = Observation(
    {
        Key("Volume", "default/data"): Actual(
            Key("Volume", "default/data"),
            "",
            "<volume><capacity unit='bytes'>268435456</capacity><target><path>/srv/data</path></target></volume>",
        ),
        Key("Volume", "default/odd"): Unknown(Key("Volume", "default/odd"), "it does not answer"),
    }
)
ALIAS = "<alias name='ua-data'/><target dev='vdb'/>"
PARTS = {
    f"<disk type='volume'>{ALIAS}<source pool='default' volume='data'/></disk>": "disk data: volume default/data, 256MiB",
    f"<disk type='volume'>{ALIAS}<source pool='default' volume='odd'/></disk>": "disk data: volume default/odd, size unknown",
    f"<disk type='file'>{ALIAS}<source file='/srv/data'/></disk>": "disk data: file /srv/data, 256MiB",
    "<disk type='file'><target dev='vdb'/><source file='/srv/x'/></disk>": "disk vdb: file /srv/x, size unknown",
    "<disk type='block' device='lun'><target dev='sda'/><source dev='/dev/sdb'/></disk>": "disk sda: block /dev/sdb, size unknown",
    "<disk type='network'><target dev='vdc'/><source protocol='rbd' name='p/i'/></disk>": "disk vdc: network p/i, size unknown",
    "<disk type='nvme'><target dev='vdc'/><source namespace='1'/></disk>": "disk vdc: nvme unnamed, size unknown",
    "<disk type='file' device='cdrom'><target dev='sda'/></disk>": "cdrom sda: without a medium",
    "<disk><source file='/x'/></disk>": "disk without a name: file /x, size unknown",
    "<interface type='network'><alias name='ua-lan'/><mac address='52:54:00:00:00:01'/><source network='lan'/></interface>": "NIC lan: network lan, MAC 52:54:00:00:00:01",
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface>": "NIC 52:54:00:00:00:01: bridge br0, MAC 52:54:00:00:00:01",
    "<interface type='direct'><source dev='eth0' mode='bridge'/></interface>": "NIC without a name: dev eth0, MAC unknown",
    "<interface type='user'/>": "NIC without a name: user, MAC unknown",
    "<interface/>": "NIC without a name: no source, MAC unknown",
}


@pytest.mark.case("8b")
@pytest.mark.parametrize(("xml", "expected"), PARTS.items())
def test_lost_device_is_described_with_its_source_and_size(xml: str, expected: str) -> None:
    part = parse(xml)

    assert KIND.describe(part, f"devices/{part.tag}", SEEN) == f"the guest loses {expected}"


def test_other_parts_have_no_description() -> None:
    assert KIND.describe(parse("<rng/>"), "devices/rng", SEEN) == ""
    assert next(kind for kind in KINDS if kind.name == "Network").describe(parse("<ip/>"), "ip", SEEN) == ""


@pytest.mark.parametrize(
    "rule", ["disk", "interface", "hostdev", "filesystem", "controller", "tpm", "disk/source"]
)
def test_devices_but_not_their_values_are_parts_of_a_guest(rule: str) -> None:
    assert f"devices/{rule}" in RULES.parts
    assert f"devices/{rule}/driver" not in RULES.parts
    assert rule not in RULES.parts
