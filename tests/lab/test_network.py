"""Networks on a real libvirtd: created, edited in every way, and in sync afterwards."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmreconcile.errors import HostError, Refused
from kvmreconcile.host.connection import connect
from kvmreconcile.model import Actual
from tests.kinds.network.bench import Bench, desired_by, desired_from, fields_from, verbs
from tests.lab.lab import Lab
from tests.lab.network import (
    bridge_index,
    bridge_of_tap,
    guest_without_system,
    network,
    started,
)


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    with connect(lab.uri) as connection:
        yield Bench(connection)


def test_nat_network_is_created_and_then_in_sync(lab: Lab, bench: Bench) -> None:
    spec = network(more="autostart: true\ndomain: {name: lab.test, localOnly: true}\nmtu: 1400")

    began = time.monotonic()
    assert verbs(bench.apply(spec)) == ["create", "autostart", "start"]
    print(f"nat network: from nothing to active in {time.monotonic() - began:.2f} s")

    made = bench.plan(spec)
    assert made.is_empty
    assert not made.pending
    assert lab.exec("cat", "/sys/class/net/virbr7/mtu").strip() == "1400"


@pytest.mark.parametrize(
    "spec",
    [
        "mode: isolated\naddresses: [192.0.2.1/24, 'fd00::1/64']",
        "mode: route\naddresses: [192.0.2.1/24]\nroutes: [{to: 198.51.100.0/24, via: 192.0.2.2, metric: 5}]",
        "mode: open\naddresses: [192.0.2.1/24]",
        "mode: nat\naddresses: [192.0.2.1/24]\nnat: {addresses: {start: 203.0.113.1, end: 203.0.113.9}, ipv6: true}",
        "mode: nat\naddresses: [192.0.2.1/24]\nnat: {ports: {start: 2000, end: 3000}}\nmac: '52:54:00:AA:BB:CC'",
        "mode: nat\naddresses: [{address: 'fd00::1/64', dhcp: {ranges: [{start: 'FD00::0100', end: 'fd00:0::1ff'}]}}]",
        "addresses: [{address: 192.0.2.1/24, tftp: /tmp, dhcp: {bootp: {file: pxelinux.0}}}]",
        "dns: {enable: false}\naddresses: [192.0.2.1/24]",
        "dns: {forwardPlainNames: false, forwarders: [{address: 192.0.2.9}, {domain: a.test}]}\naddresses: [192.0.2.1/24]",
        "isolatePorts: true\nxml: <network><portgroup name='a' default='yes'/></network>",
        "",
    ],
)
def test_every_mode_starts_and_is_then_in_sync(bench: Bench, spec: str) -> None:
    desired = desired_from(spec)

    assert verbs(bench.apply(desired)) == ["create", "start"]

    made = bench.plan(desired)
    assert made.is_empty
    assert not made.pending


def test_existing_bridge_of_the_host_is_used_unchanged(lab: Lab, bench: Bench) -> None:
    lab.exec("ip", "link", "add", "br5", "type", "bridge")
    try:
        desired = desired_from("mode: bridge\nbridge: br5")
        assert verbs(bench.apply(desired)) == ["create", "start"]
        assert bench.plan(desired).is_empty
        assert not bench.plan(desired).pending
    finally:
        lab.exec("ip", "link", "delete", "br5")


def test_network_changed_to_bridge_mode_loses_values_that_libvirt_added(lab: Lab, bench: Bench) -> None:
    bench.apply(desired_from("state: stopped\nmode: nat\naddresses: [192.0.2.1/24]"))
    bridged = desired_from("state: stopped\nmode: bridge\nbridge: br5")

    assert verbs(bench.apply(bridged)) == ["define"]

    assert bench.plan(bridged).is_empty
    actual = bench.actual(bridged.key)
    assert actual is not None
    assert actual.tree.child("mac") is None


def test_network_that_cannot_start_is_reported_and_started_when_possible(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    lab.virsh("net-destroy", "lab")
    # Another device has taken the bridge's name.
    lab.exec("ip", "link", "add", "virbr7", "type", "veth", "peer", "name", "other")
    try:
        with pytest.raises(HostError, match="Network/lab"):
            bench.apply(network())
    finally:
        lab.exec("ip", "link", "delete", "virbr7")

    assert verbs(bench.apply(network())) == ["start"]
    assert bridge_of_tap(lab) == "virbr7"


def test_device_with_the_name_of_a_bridge_is_not_deleted(lab: Lab, bench: Bench) -> None:
    """libvirt 11.3 would delete it once the start has failed."""
    lab.exec("ip", "link", "add", "virbr7", "type", "bridge")
    before = bridge_index(lab)

    with pytest.raises(Refused, match="choose another bridge name"):
        bench.apply(network())

    assert bridge_index(lab) == before


def test_bridge_left_by_a_killed_libvirtd_is_reported_with_the_command_that_removes_it(
    lab: Lab, bench: Bench
) -> None:
    lab.exec("ip", "link", "add", "virbr7", "type", "bridge")

    with pytest.raises(HostError, match=r"if nothing uses the device .*: ip link delete virbr7"):
        bench.apply(network())

    lab.exec("ip", "link", "delete", "virbr7")
    assert verbs(bench.apply(network())) == ["start"]


MODES = {
    "isolated": "mode: isolated\naddresses: [192.0.2.1/24]\nstp: false",
    "nat": "mode: nat\naddresses: [192.0.2.1/24]\nnat: {ports: {start: 2000, end: 3000}}\ndevices: [eth0]",
    "route": "mode: route\naddresses: [192.0.2.1/24]\ndevices: [eth0]\ndomain: {name: a.test}",
    "open": "mode: open\naddresses: [192.0.2.1/24]\ndns: {hosts: [{ip: 192.0.2.9, names: [a]}]}",
    "bridge": "mode: bridge\nbridge: br5",
    "macvtap": "mode: bridge\ndevices: [eth0, eth1]",
}


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in MODES for b in MODES if a != b])
def test_forward_mode_can_be_changed_to_any_other_mode(bench: Bench, before: str, after: str) -> None:
    bench.apply(desired_from(MODES[before] + "\nstate: stopped"))
    desired = desired_from(MODES[after] + "\nstate: stopped")

    assert verbs(bench.apply(desired)) == ["define"]

    assert not bench.applied[desired.key].settled
    assert bench.plan(desired).is_empty


EXAMPLES = sorted((Path(__file__).parents[2] / "specs" / "examples").glob("network-*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_stored_by_libvirt_as_intended(bench: Bench, path: Path) -> None:
    document = fields_from(path.read_text())
    desired = desired_by({**document["spec"], "state": "stopped"}, document["metadata"]["name"])

    bench.apply(desired)

    assert not bench.applied[desired.key].settled
    assert bench.plan(desired).is_empty


def test_network_dismantled_by_hand_is_restored(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    mac = addressed(bench)
    lab.virsh("net-destroy", "lab")
    lab.virsh("net-undefine", "lab")

    assert verbs(bench.apply(network())) == ["create", "start"]

    assert addressed(bench) == mac
    assert bench.plan(network()).is_empty


def addressed(bench: Bench) -> str | None:
    actual = bench.actual(network().key)
    assert isinstance(actual, Actual)
    return actual.tree.get("mac/@address")
