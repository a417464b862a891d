"""Each change of an active network's definition needs the fewest updates, for every row of the table."""

import pytest

from kvmreconcile.kinds.network import KIND
from kvmreconcile.kinds.network.edits import SECTIONS, Command, Edit, find_edits
from kvmreconcile.kinds.network.reattachment import (
    BridgedNetwork,
    has_detached_mark,
    interim_name,
    interims,
    is_guest,
    reattachments,
    with_detached_mark,
    without_detached_mark,
)
from kvmreconcile.kinds.network.spelling import normalize_observed
from kvmreconcile.model import Actual, Key
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.tree import Node, parse
from tests.kinds.network.bench import desired_from, plan_for

IP = ("ip[192.0.2.1]",)


def network(inside: str) -> Node:
    return parse(normalize_observed(f"<network><name>lab</name><forward mode='nat'/>{inside}</network>"))


def dhcp(inside: str, other: str = "") -> Node:
    return network(f"{other}<ip address='192.0.2.1' prefix='24'><dhcp>{inside}</dhcp></ip>")


def sent(verb: str, live: Node, stored: Node, steps: tuple[str, ...] = ()) -> list[tuple[str, Node]]:
    return [(e.command.value, e.element) for e in find_edits(verb, live, stored, steps)]


ONE, TWO = "<host ip='192.0.2.7' mac='52:54:00:00:00:01'/>", "<host ip='192.0.2.8' mac='52:54:00:00:00:02'/>"


def test_equal_definitions_need_no_edits() -> None:
    assert sent("update-dhcp", dhcp(ONE + TWO), dhcp(TWO + ONE), IP) == []


def test_host_with_changed_address_is_modified() -> None:
    other = "<host ip='192.0.2.9' mac='52:54:00:00:00:01'/>"

    assert sent("update-dhcp", dhcp(ONE + TWO), dhcp(other + TWO), IP) == [("modify", parse(other))]


def test_host_with_changed_mac_is_deleted_and_added() -> None:
    other = "<host ip='192.0.2.7' mac='52:54:00:00:00:09'/>"

    assert sent("update-dhcp", dhcp(ONE), dhcp(other), IP) == [("delete", parse(ONE)), ("add", parse(other))]


def test_hosts_that_swap_addresses_are_all_deleted_before_any_is_added() -> None:
    swapped = ONE.replace("2.7", "2.8") + TWO.replace("2.8", "2.7")

    assert [c for c, _ in sent("update-dhcp", dhcp(ONE + TWO), dhcp(swapped), IP)] == ["delete"] * 2 + [
        "add"
    ] * 2


def test_changed_range_is_deleted_and_added_since_libvirt_cannot_modify_it() -> None:
    old = "<range end='192.0.2.9' start='192.0.2.2'/>"
    new = '<range end="192.0.2.9" start="192.0.2.2"><lease expiry="1" unit="hours"/></range>'

    assert [c for c, _ in sent("update-dhcp", dhcp(old), dhcp(new), IP)] == ["delete", "add"]


def test_dns_host_is_deleted_by_address_only() -> None:
    old = "<dns><host ip='192.0.2.7'><hostname>a</hostname></host></dns>"

    assert sent("update-dns", network(old), network("")) == [("delete", parse("<host ip='192.0.2.7'/>"))]


def test_address_is_identified_by_its_index_in_the_live_definition() -> None:
    first = "<ip address='198.51.100.1' prefix='24'/>"

    found = list(find_edits("update-dhcp", dhcp("", first), dhcp(ONE), IP))

    assert [(e.command, e.parent) for e in found] == [(Command.ADD, 1)]


def test_address_missing_in_live_definition_waits_for_restart() -> None:
    assert sent("update-dhcp", network(""), dhcp(ONE), IP) == []


def test_edit_contains_the_libvirt_command_and_section() -> None:
    found = list(
        find_edits("update-portgroup", network(""), network("<portgroup name='a' default='yes'/>"), ())
    )

    assert found == [
        Edit(Command.ADD, SECTIONS["update-portgroup"][0], parse("<portgroup name='a' default='yes'/>"))
    ]


RUNNING = """
<network><name>lab</name><uuid>{uuid}</uuid><forward mode='nat'><interface dev='eth0'/></forward>
<bridge name='virbr0' stp='on' delay='0'/><mac address='52:54:00:00:00:07'/>
<dns><host ip='192.0.2.5'><hostname>a</hostname></host><txt name='t' value='v'/><srv service='s' protocol='tcp'/></dns>
<ip address='192.0.2.1' netmask='255.255.255.0'><dhcp>
  <range start='192.0.2.10' end='192.0.2.20'/><host mac='52:54:00:00:00:01' ip='192.0.2.7'/></dhcp></ip>
<portgroup name='p'/></network>"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("addresses: [{address: 192.0.2.1/24, dhcp: {hosts: []}}]", ["define", "update-dhcp"]),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {hosts: [{mac: 52:54:00:00:00:01, ip: 192.0.2.8}]}}]",
            ["define", "update-dhcp"],
        ),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.10, end: 192.0.2.21}]}}]",
            ["define", "update-dhcp"],
        ),
        (
            "addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.10, end: 192.0.2.20, leaseTime: 1h}]}}]",
            ["define", "update-dhcp"],
        ),
        ("dns: {hosts: [{ip: 192.0.2.6, names: [b]}]}", ["define", "update-dns"]),
        ("dns: {hosts: [{ip: 192.0.2.5, names: [b]}]}", ["define", "update-dns"]),
        (
            "dns: {txt: [{name: t, value: w}], srv: [{service: s, protocol: tcp, port: 1}]}",
            ["define", "update-dns"],
        ),
        ("dns: {txt: [], srv: []}", ["define", "update-dns"]),
        ("devices: [eth1]", ["define", "update-forward"]),
        ("xml: <network><portgroup name='q'/></network>", ["define", "update-portgroup", "update-portgroup"]),
        ("xml: <network><portgroup name='p' default='yes'/></network>", ["define", "update-portgroup"]),
        # All else is stored, and waits for the network's restart.
        ("dns: {forwarders: [{address: 192.0.2.9}]}", ["define"]),
        ("domain: {name: lab.test}", ["define"]),
        ("mtu: 1400", ["define"]),
        ("mode: route", ["define"]),
        ("addresses: [192.0.2.1/24, 'fd00::1/64']", ["define"]),
        ("addresses: [192.0.2.1/25]", ["define"]),
        ("stp: false", ["define"]),
        ("addresses: [{address: 192.0.2.1/24, dhcp: {bootp: {file: a}}}]", ["define"]),
    ],
)
def test_edit_of_active_network_uses_cheapest_update(text: str, expected: list[str]) -> None:
    desired = desired_from(text)
    xml = normalize_observed(RUNNING.format(uuid=desired.creation.uuid))

    made = plan_for(desired, Actual(Key("Network", "lab"), desired.creation.uuid, xml, xml, active=True))

    assert [a.verb.name for a in made.actions] == expected
    assert bool(made.pending) == (expected == ["define"])


@pytest.mark.parametrize("text", ["dns: {hosts: [{ip: 192.0.2.5, names: [a]}]}", "addresses: [{address: 192.0.2.1/24, dhcp: {hosts: [{mac: 52:54:00:00:00:01, ip: 192.0.2.7}]}}]"])  # fmt: skip
def test_section_removed_from_the_spec_is_emptied_live(text: str) -> None:
    field = text.partition(":")[0]
    before, after = desired_from(text), desired_from("" if field == "dns" else "addresses: [192.0.2.1/24]")
    xml = normalize_observed(RUNNING.format(uuid=before.creation.uuid))
    actual = Actual(Key("Network", "lab"), before.creation.uuid, xml, xml, active=True)

    made = plan_for(after, actual, applied_after(before, actual, KIND, "bench"))

    assert [a.verb.name for a in made.actions] == ["define", f"update-{'dns' if field == 'dns' else 'dhcp'}"]


def test_driver_implements_every_verb_of_the_rules() -> None:
    rows = {row.verb for _, rows in KIND.rules.actions.rows for row in rows}

    assert rows == SECTIONS.keys()


DOMAIN = """
<domain><devices>
  <interface type='network'><mac address='52:54:00:00:00:01'/>
    <source network='lab' portgroup='p' portid='old' bridge='virbr0'/><target dev='vnet0'/><mtu size='1400'/></interface>
  <interface type='network'><source network='lab' portid='known' bridge='virbr0'/></interface>
  <interface type='network'><source network='other' portid='old' bridge='virbr1'/></interface>
  <interface type='network'><source network='lab' portid='old'/></interface>
  <interface type='user'/>
</devices></domain>"""


def bridged(**other: bool) -> BridgedNetwork:
    return BridgedNetwork("lab", "virbr9", frozenset({"known"}), **{"is_own": True, **other})


def interface(kind: str, source: str) -> Node:
    return parse(
        f"<interface type='{kind}'><mac address='52:54:00:00:00:01'/><source {source}/>"
        "<target dev='vnet0'/><mtu size='1400'/></interface>"
    )


def test_only_interfaces_that_lost_the_bridge_are_reattached() -> None:
    [definitions] = reattachments(parse(DOMAIN), bridged())

    assert definitions == (
        interface("network", f"network='{interim_name('lab')}' portgroup='p'"),
        interface("network", "network='lab' portgroup='p'"),
    )


def test_interface_left_on_the_interim_network_is_reattached() -> None:
    halfway = parse(
        DOMAIN.replace("network='lab' portgroup='p'", "network='lab.kvmreconcile-interim' portgroup='p'")
    )

    assert is_guest(halfway, "lab")
    assert [*reattachments(halfway, bridged())] == [*reattachments(parse(DOMAIN), bridged())]


def test_on_host_bridge_only_the_bridge_port_is_recreated() -> None:
    [definitions] = reattachments(parse(DOMAIN), bridged(is_own=False))

    assert definitions == (
        interface("bridge", "bridge='virbr9'"),
        interface("network", "network='lab' portgroup='p'"),
    )


@pytest.mark.parametrize("name", ["lab", "a-network-with-a-name-longer-than-a-bridge-may-have"])
def test_bridges_of_interim_network_have_valid_device_names(name: str) -> None:
    bridges = [definition.get("bridge/@name") or "" for definition in interims(name)]

    assert len({*bridges}) == 8
    assert all(0 < len(bridge) < 16 for bridge in bridges)


def test_mark_of_detached_guests_is_added_only_once_and_can_be_removed() -> None:
    bare = parse("<network><name>lab</name></network>")
    other = parse("<network><name>lab</name><metadata><a xmlns='urn:a'/></metadata></network>")

    for network_ in (bare, other):
        assert has_detached_mark(with_detached_mark(network_))
        assert with_detached_mark(with_detached_mark(network_)) == with_detached_mark(network_)
        assert not has_detached_mark(network_)
        assert without_detached_mark(with_detached_mark(network_)) == network_
    assert without_detached_mark(bare) is bare
