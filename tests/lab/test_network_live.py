"""Edits and drifts of a running network, applied while its bridge stays up."""

import time
from collections.abc import Iterator

import pytest

from kvmreconcile.host.connection import connect
from tests.kinds.network.bench import Bench, desired_from, verbs
from tests.lab.lab import Lab
from tests.lab.network import (
    bridge_index,
    network,
)


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    with connect(lab.uri) as connection:
        yield Bench(connection)


def test_dhcp_host_is_added_changed_and_removed_while_the_bridge_stays(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    bridge = bridge_index(lab)
    leases = "/var/lib/libvirt/dnsmasq/lab.hostsfile"
    for hosts, seen in (
        ("{mac: '52:54:00:00:00:01', ip: 192.0.2.7, name: web}", "52:54:00:00:00:01,192.0.2.7,web"),
        ("{mac: '52:54:00:00:00:01', ip: 192.0.2.8, name: web}", "52:54:00:00:00:01,192.0.2.8,web"),
        ("{mac: '52:54:00:00:00:01', ip: 192.0.2.8, leaseTime: 12h}", "52:54:00:00:00:01,192.0.2.8,12h"),
    ):
        began = time.monotonic()
        assert verbs(bench.apply(network(hosts))) == ["define", "update-dhcp"]
        print(f"DHCP host changed live in {time.monotonic() - began:.3f} s")
        assert lab.exec("cat", leases).splitlines() == [seen]
        assert bench.plan(network(hosts)).is_empty
        assert not bench.plan(network(hosts)).pending
    bench.apply(network())

    assert not lab.exec("sh", "-c", f"cat {leases} || true").strip()
    assert bridge_index(lab) == bridge


def test_two_dhcp_hosts_swap_their_addresses_live(lab: Lab, bench: Bench) -> None:
    one = "{mac: '52:54:00:00:00:01', ip: 192.0.2.%d}, {mac: '52:54:00:00:00:02', ip: 192.0.2.%d}"
    bench.apply(network(one % (7, 8)))

    assert verbs(bench.apply(network(one % (8, 7)))) == ["define", "update-dhcp"]

    seen = lab.exec("cat", "/var/lib/libvirt/dnsmasq/lab.hostsfile").splitlines()
    assert sorted(seen) == ["52:54:00:00:00:01,192.0.2.8", "52:54:00:00:00:02,192.0.2.7"]
    assert not bench.plan(network(one % (8, 7))).pending


LIVE_EDITS = {
    "a range": (
        "addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.9, end: 192.0.2.99}]}}]",
        ["update-dhcp"],
    ),
    "a range's lease": (
        "addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.100, end: 192.0.2.200, leaseTime: 2h}]}}]",
        ["update-dhcp"],
    ),
    "no DHCP": ("addresses: [192.0.2.1/24]", ["update-dhcp"]),
    "DNS host": (
        "dns: {hosts: [{ip: 192.0.2.9, names: [a, b]}, {ip: 'fd00::9', names: [a, b]}]}",
        ["update-dns"],
    ),
    "DNS host's names": ("dns: {hosts: [{ip: 192.0.2.5, names: [new]}]}", ["update-dns"]),
    "DNS text": ("dns: {txt: [{name: old, value: other}]}", ["update-dns"]),
    "DNS service": (
        "dns: {srv: [{service: ldap, protocol: tcp, domain: a, target: b, port: 389}]}",
        ["update-dns"],
    ),
    "devices": ("devices: [out2]", ["update-forward"]),
    "port group": (
        "xml: <network><portgroup name='p' default='yes'/><portgroup name='q'/></network>",
        ["update-portgroup"] * 2,
    ),
}

BEFORE = """
mode: nat
stp: false
bridge: virbr7
devices: [out1]
addresses: [{address: 192.0.2.1/24, dhcp: {ranges: [{start: 192.0.2.100, end: 192.0.2.200}]}}]
dns: {hosts: [{ip: 192.0.2.5, names: [old]}], txt: [{name: old, value: old}]}
xml: <network><portgroup name='p'/></network>
"""


@pytest.mark.parametrize("edit", LIVE_EDITS)
def test_edit_reaches_a_running_network_without_a_restart(lab: Lab, bench: Bench, edit: str) -> None:
    text, updates = LIVE_EDITS[edit]
    field = text.partition(":")[0]
    lines = [line for line in BEFORE.strip().splitlines() if not line.startswith(f"{field}:")]
    after = desired_from("\n".join([*lines, text]))
    lab.exec("ip", "link", "add", "out1", "type", "veth", "peer", "name", "out2")
    try:
        bench.apply(desired_from(BEFORE))
        bridge = bridge_index(lab)

        assert verbs(bench.apply(after)) == ["define", *updates]

        assert not bench.plan(after).pending
        assert bench.plan(after).is_empty
        actual = bench.actual(after.key)
        assert actual is not None
        assert actual.live == actual.tree
        if edit == "devices":
            rules = lab.exec("iptables", "-S")
            assert "-o out2" in rules
            assert "-o out1" not in rules
        assert bridge_index(lab) == bridge
    finally:
        lab.virsh("net-destroy", "lab")
        lab.exec("ip", "link", "delete", "out1")


def test_half_updated_network_is_repaired_live(lab: Lab, bench: Bench) -> None:
    """The state after a kill between storing and updating."""
    bench.apply(network())
    after = network("{mac: '52:54:00:00:00:01', ip: 192.0.2.7}")
    define = bench.plan(after).actions[0]
    bench.driver.perform(bench.connection, define)

    assert verbs(bench.apply(after)) == ["update-dhcp"]

    assert "192.0.2.7" in lab.virsh("net-dumpxml", "lab")
    assert bench.plan(after).is_empty


HOST = "<host mac='52:54:00:00:00:01' ip='192.0.2.7'/>"

DRIFTS = {
    "a host deleted while it runs": (
        ["net-update", "lab", "delete", "ip-dhcp-host", HOST, "--live"],
        ["update-dhcp"],
    ),
    "a host deleted in the definition": (
        ["net-update", "lab", "delete", "ip-dhcp-host", HOST, "--config"],
        ["define"],
    ),
    "a host deleted in both": (
        ["net-update", "lab", "delete", "ip-dhcp-host", HOST, "--live", "--config"],
        ["define", "update-dhcp"],
    ),
    "a host added": (
        [
            "net-update",
            "lab",
            "add",
            "ip-dhcp-host",
            HOST.replace("1'", "2'").replace("7'", "9'"),
            "--live",
            "--config",
        ],
        ["define", "update-dhcp"],
    ),
    "autostart switched off": (["net-autostart", "lab", "--disable"], ["autostart"]),
    "the network stopped": (["net-destroy", "lab"], ["start"]),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_drift_is_reported_and_corrected(lab: Lab, bench: Bench, drift: str) -> None:
    command, expected = DRIFTS[drift]
    spec = network("{mac: 52:54:00:00:00:01, ip: 192.0.2.7}", "autostart: true")
    bench.apply(spec)
    lab.virsh(*command)

    assert verbs(bench.apply(spec)) == expected

    assert bench.plan(spec).is_empty
    assert not bench.plan(spec).pending


def test_addition_by_another_tool_outside_the_spec_stays(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    portgroup = "<portgroup name='other'/>"
    lab.virsh("net-update", "lab", "add", "portgroup", portgroup, "--live", "--config")
    lab.virsh("net-update", "lab", "add", "dns-txt", "<txt name='a' value='b'/>", "--live", "--config")
    assert bench.plan(network()).is_empty

    bench.apply(network("{mac: 52:54:00:00:00:01, ip: 192.0.2.7}"))

    for flag in ((), ("--inactive",)):
        text = lab.virsh("net-dumpxml", *flag, "lab")
        assert "<portgroup name='other'>" in text
        assert "<txt name='a' value='b'/>" in text
        assert "192.0.2.7" in text
