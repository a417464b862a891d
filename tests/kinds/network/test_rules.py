"""Each row of the rules: identity, spelling, removed and kept elements."""

import pytest

from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.tree import Node, diff, forget, overlay, parse

SPELLINGS = {
    "uuid": ("81FF0D90-C91E-6742-64DA-4A736EDB9A9B", "81ff0d90-c91e-6742-64da-4a736edb9a9b"),
    "mac/@address": ("52:54:00:AA:BB:CC", "52:54:00:aa:bb:cc"),
    "ip/dhcp/host/@mac": ("52:54:00:AA:BB:CC", "52:54:00:aa:bb:cc"),
    **dict.fromkeys(
        (
            "ip/@address",
            "ip/dhcp/range/@start",
            "ip/dhcp/range/@end",
            "ip/dhcp/host/@ip",
            "ip/dhcp/bootp/@server",
            "route/@address",
            "route/@gateway",
            "dns/host/@ip",
            "dns/forwarder/@addr",
            "forward/nat/address/@start",
            "forward/nat/address/@end",
        ),
        ("FD00:0::0001", "fd00::1"),
    ),
    **dict.fromkeys(
        (
            "ip/@prefix",
            "ip/dhcp/*/lease/@expiry",
            "route/@prefix",
            "route/@metric",
            "dns/srv/@port",
            "dns/srv/@priority",
            "dns/srv/@weight",
            "forward/nat/port/@start",
            "forward/nat/port/@end",
            "bridge/@delay",
            "mtu/@size",
            "bandwidth/*/@*",
            "portgroup/bandwidth/*/@*",
        ),
        ("064", "64"),
    ),
    **dict.fromkeys(
        (
            "forward/address/@domain",
            "forward/address/@bus",
            "forward/address/@slot",
            "forward/address/@function",
            "vlan/tag/@id",
            "portgroup/vlan/tag/@id",
        ),
        ("0x0a", "10"),
    ),
}


def tree_with(path: str, value: str) -> Node:
    """Return a network that holds one value."""
    tags, _, name = path.rpartition("@") if "@" in path else (path, "", "")
    names = [tag if tag != "*" else "host" for tag in tags.strip("/").split("/")]
    leaf = (
        Node(names[-1], (("average" if name == "*" else name, value),))
        if name
        else Node(names[-1], (), value)
    )
    for tag in reversed(names[:-1]):
        leaf = Node(tag, (), "", (leaf,))
    return Node("network", (), "", (leaf,))


@pytest.mark.parametrize("row", [key for key, _ in RULES.scalars.rows])
def test_different_spelling_of_a_value_is_not_a_change(row: str) -> None:
    ours, libvirts = SPELLINGS[row]
    actual = tree_with(row, libvirts)

    assert overlay(actual, tree_with(row, ours), RULES) is actual
    assert overlay(actual, tree_with(row, f"{ours}7"), RULES) is not actual


MEMBERS = {
    "ip": ("<ip address='fd00::1' family='ipv6'/>", "<ip address='fd00::2' family='ipv6'/>"),
    "ip/dhcp/range": (
        "<range start='192.0.2.1' end='192.0.2.2'/>",
        "<range start='192.0.2.1' end='192.0.2.3'/>",
    ),
    "ip/dhcp/host": (
        "<host mac='52:54:00:00:00:01' ip='192.0.2.1'/>",
        "<host mac='52:54:00:00:00:02' ip='192.0.2.1'/>",
    ),
    "route": (
        "<route address='192.0.2.0' gateway='192.0.2.1'/>",
        "<route address='192.0.2.0' gateway='192.0.2.2'/>",
    ),
    "dns/forwarder": ("<forwarder addr='192.0.2.1'/>", "<forwarder addr='192.0.2.2'/>"),
    "dns/host": ("<host ip='192.0.2.1'/>", "<host ip='192.0.2.2'/>"),
    "dns/host/hostname": ("<hostname>a</hostname>", "<hostname>b</hostname>"),
    "dns/txt": ("<txt name='a' value='v'/>", "<txt name='b' value='v'/>"),
    "dns/srv": ("<srv service='a' protocol='tcp'/>", "<srv service='a' protocol='udp'/>"),
    "forward/interface": ("<interface dev='a'/>", "<interface dev='b'/>"),
    "forward/address": (
        "<address domain='0' bus='3' slot='0' function='1'/>",
        "<address domain='0' bus='3' slot='0' function='2'/>",
    ),
    "portgroup": ("<portgroup name='a'/>", "<portgroup name='b'/>"),
    "vlan/tag": ("<tag id='1'/>", "<tag id='2'/>"),
    "portgroup/vlan/tag": ("<tag id='1'/>", "<tag id='2'/>"),
    "dnsmasq:options/dnsmasq:option": (
        "<d:option xmlns:d='http://libvirt.org/schemas/network/dnsmasq/1.0' value='a'/>",
        "<d:option xmlns:d='http://libvirt.org/schemas/network/dnsmasq/1.0' value='b'/>",
    ),
}


def list_of(row: str, *members: str) -> Node:
    """Return a network with a list, in the order given."""
    element = Node("", (), "", tuple(parse(m) for m in members))
    for tag in [*reversed(row.split("/")[:-1]), "network"]:
        full = tag.replace("dnsmasq:", "{http://libvirt.org/schemas/network/dnsmasq/1.0}")
        element = Node(full, (), "", (element,) if element.tag else element.children)
    return element


@pytest.mark.parametrize("row", [key for key, _ in RULES.members.rows])
def test_entries_are_matched_by_name_and_unlisted_entries_are_removed(row: str) -> None:
    one, other = MEMBERS[row]
    both = list_of(row, one, other)

    assert overlay(both, list_of(row, other, one), RULES) is both
    changes = list(diff(both, overlay(both, list_of(row, other), RULES), RULES))
    assert [(c.sign, c.rule, c.old) for c in changes] == [("-", row, parse(one))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<host id='0:1' ip='fd00::1'/>", "<host id='0:1' ip='fd00::2'/>"),
        ("<host name='web' ip='fd00::1'/>", "<host name='web' ip='fd00::2'/>"),
        (
            "<host mac='52:54:00:00:00:01' name='web' ip='192.0.2.1'/>",
            "<host mac='52:54:00:00:00:01' name='db' ip='192.0.2.1'/>",
        ),
        (
            "<host mac='52:54:00:00:00:01' name='web' ip='192.0.2.1'/>",
            "<host mac='52:54:00:00:00:02' name='web' ip='192.0.2.1'/>",
        ),
        (
            "<host mac='52:54:00:00:00:01' ip='192.0.2.1'/>",
            "<host mac='52:54:00:00:00:02' ip='192.0.2.1'/>",
        ),
    ],
)
def test_dhcp_host_is_matched_by_its_best_identifier(one: str, other: str) -> None:
    row = "ip/dhcp/host"
    actual = list_of(row, one)

    changes = list(diff(actual, overlay(actual, list_of(row, other), RULES), RULES))

    assert [c.sign for c in changes] == ["~"]


WHOLE = {
    "forward": "<forward mode='nat' libvirt='x'/>",
    "forward/nat/address": "<address start='a' libvirt='x'/>",
    "forward/nat/port": "<port start='1' libvirt='x'/>",
    "domain": "<domain name='a' libvirt='x'/>",
    "mtu": "<mtu size='1' libvirt='x'/>",
    "bandwidth/*": "<inbound average='1' libvirt='x'/>",
    "vlan": "<vlan trunk='yes' libvirt='x'/>",
    "virtualport": "<virtualport type='a' libvirt='x'/>",
    "ip/tftp": "<tftp root='/a' libvirt='x'/>",
    "ip/dhcp/bootp": "<bootp file='a' libvirt='x'/>",
    "ip/dhcp/*/lease": "<lease expiry='1' libvirt='x'/>",
}


@pytest.mark.parametrize("row", [key for key, _ in RULES.whole.rows])
def test_atomic_element_is_removed_with_values_added_by_libvirt(row: str) -> None:
    actual = list_of(row.replace("*", "range"), WHOLE[row])
    applied = list_of(row.replace("*", "range"), WHOLE[row].replace(" libvirt='x'", ""))

    left = forget(actual, applied, Node("network"), RULES)

    assert not list(left.all(row.replace("bandwidth/*", "bandwidth/inbound").replace("*", "range")))


@pytest.mark.parametrize("path", [key for key, _ in RULES.required.rows])
def test_identity_is_kept_after_its_field_is_removed(path: str) -> None:
    actual = tree_with(path, "kept")

    assert forget(actual, actual, Node("network"), RULES).get(path) == "kept"


def test_nat_port_range_is_removed_when_the_forward_mode_changes() -> None:
    actual = parse(
        "<network><forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward></network>"
    )

    proposed = overlay(actual, parse("<network><forward mode='route'/></network>"), RULES)

    assert proposed == parse("<network><forward mode='route'/></network>")


def test_ownership_mark_is_not_a_change() -> None:
    mark = "<metadata><a:b xmlns:a='urn:a'/><o:owner xmlns:o='urn:kvmreconcile:1' key='{}'/></metadata>"

    one, other = (parse(f"<network>{mark.format(key)}</network>") for key in ("x", "y"))

    assert list(diff(one, other, RULES)) == []
