"""Exclusive claims of definitions, and objects with the same claims."""

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Key
from kvmreconcile.plan.order.identities import Claimants, claims
from kvmreconcile.tree import Node, Rules, parse

RULES: dict[str, Rules] = {kind.name: kind.rules for kind in KINDS}
VOLUME = parse("<volume><target><path>/srv/images/root</path></target></volume>")


def look_up(key: Key) -> Node | None:
    """Look up the only volume."""
    return VOLUME if key == Key("Volume", "images/root") else None


def claimed(kind: str, xml: str) -> list[str]:
    return [
        f"{claim.row.what} {claim.value} {claim.scope}".strip()
        for claim in claims(parse(xml), RULES[kind], look_up)
    ]


def disk(inside: str, more: str = "", device: str = "disk") -> str:
    return f"<domain><devices><disk device='{device}'>{inside}{more}</disk></devices></domain>"


def nic(inside: str) -> str:
    return f"<domain><devices><interface><mac address='52:54:00:AA:00:01'/>{inside}</interface></devices></domain>"


@pytest.mark.parametrize(
    ("xml", "what"),
    [
        ("<domain><uuid>81FF0D90C91E674264DA4A736EDB9A9B</uuid></domain>", ["UUID 81ff0d90-c91e-6742-64da-4a736edb9a9b"]),
        ("<domain><uuid/></domain>", []),
        (disk("<source file='/srv//a'/>"), ["disk /srv/a"]),
        (disk("<source dev='/dev/vg/a'/>", device="lun"), ["disk /dev/vg/a"]),
        (disk("<source pool='images' volume='root'/>"), ["disk /srv/images/root"]),
        (disk("<source pool='images' volume='other'/>"), ["disk images/other"]),
        (disk("<source protocol='rbd' name='a/b'><host name='c'/></source>"), ["disk rbd/a/b/c"]),
        (disk("<source protocol='rbd' name='a/b'/>"), ["disk rbd/a/b"]),
        (disk("<source file='/a'/>", device="cdrom"), []),
        (disk("<source file='/a'/>", "<readonly/>"), []),
        (disk("<source file='/a'/>", "<shareable/>"), []),
        (disk("<source file='/a'><slices/></source>"), []),
        (nic("<source network='lan'/>"), ["MAC address 52:54:00:aa:00:01 lan"]),
        (nic("<source bridge='br0'/>"), ["MAC address 52:54:00:aa:00:01 br0"]),
        # Any address is unique if no other guest is on the network.
        (nic(""), []),
        ("<domain><devices><vsock><cid auto='no' address='7'/></vsock></devices></domain>", ["vsock CID 7"]),
        ("<domain><devices><vsock><cid auto='yes' address='7'/></vsock></devices></domain>", []),
        (
            "<domain><devices><hostdev type='pci'><source><address domain='0x0' bus='0x3' slot='0x0' function='0x1'/></source></hostdev></devices></domain>",
            ["PCI device 0/3/0/1"],
        ),
        (
            "<domain><devices><tpm><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm></devices></domain>",
            ["TPM /dev/tpm0"],
        ),
        ("<domain><os><nvram template='/t'>/n.fd</nvram></os></domain>", ["NVRAM file /n.fd"]),
    ],
)  # fmt: skip
def test_domain_has_the_expected_claims(xml: str, what: list[str]) -> None:
    assert claimed("Domain", xml) == what


@pytest.mark.parametrize(
    ("xml", "what"),
    [
        ("<network><bridge name='virbr9'/></network>", ["bridge virbr9"]),
        ("<network><forward mode='nat'/><bridge name='virbr9'/></network>", ["bridge virbr9"]),
        ("<network><forward mode='bridge'/><bridge name='br0'/></network>", []),
        ("<network><ip address='192.0.2.1' prefix='24'/></network>", ["subnet 192.0.2.1/24"]),
        ("<network><ip address='192.0.2.1'/></network>", []),
    ],
)
def test_network_has_the_expected_claims(xml: str, what: list[str]) -> None:
    assert claimed("Network", xml) == what


@pytest.mark.parametrize(
    ("xml", "what"),
    [
        ("<pool type='dir'><target><path>/srv/images/</path></target></pool>", ["directory /srv/images"]),
        ("<pool><target><path>/srv/images</path></target></pool>", ["directory /srv/images"]),
        ("<pool type='iscsi'><target><path>/dev/disk/by-path</path></target></pool>", []),
        ("<pool type='fs'><source><device path='/dev/sdb'/></source></pool>", ["source device /dev/sdb"]),
    ],
)
def test_pool_has_the_expected_claims(xml: str, what: list[str]) -> None:
    assert claimed("StoragePool", xml) == what


def test_volume_claims_nothing_beyond_its_name() -> None:
    assert claimed("Volume", "<volume pool='images'><name>root</name></volume>") == []


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        ("192.0.2.1/24", "192.0.2.129/25", True),
        ("192.0.2.1/25", "192.0.2.129/25", False),
        ("2001:db8::1/64", "2001:db8::2/64", True),
        ("2001:db8::1/64", "192.0.2.1/24", False),
        ("192.0.2.1/24", "192.0.2.1/99", False),
        ("nonsense/24", "nonsense/24", True),
    ],
)
def test_claims_of_overlapping_subnets_conflict(one: str, other: str, *, meets: bool) -> None:
    def subnet(text: str) -> Node:
        address, prefix = text.split("/")
        return parse(f"<network><ip address='{address}' prefix='{prefix}'/></network>")

    known, key = Claimants(), Key("Network", "one")
    known.add(key, claims(subnet(one), RULES["Network"], look_up))
    (claim,) = claims(subnet(other), RULES["Network"], look_up)

    assert (key in known.of(claim)) is meets


def test_mac_address_is_claimed_only_within_its_network() -> None:
    known = Claimants()
    for name, network in (("here", "lan"), ("there", "wan")):
        tree = parse(nic(f"<source network='{network}'/>"))
        known.add(Key("Domain", name), claims(tree, RULES["Domain"], look_up))
    (claim,) = claims(parse(nic("<source network='lan'/>")), RULES["Domain"], look_up)

    assert list(known.of(claim)) == [Key("Domain", "here")]
    assert str(claim) == "MAC address 52:54:00:aa:00:01"


def test_claim_on_a_disk_names_the_volume_instead_of_its_path() -> None:
    (claim,) = claims(parse(disk("<source pool='images' volume='root'/>")), RULES["Domain"], look_up)

    assert str(claim) == "disk Volume/images/root"
