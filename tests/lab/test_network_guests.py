"""Guests stay attached to their network when it is restarted, edited or lost."""

import time
from collections.abc import Iterator

import pytest

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.network.reattachment import interim_name, interims
from kvmreconcile.model import Key
from kvmreconcile.tree import parse, to_xml
from tests.kinds.network.bench import Bench, desired_from, verbs
from tests.lab.guest import GuestFiles, domain_xml, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.network import (
    GUEST_MAC,
    SPEC,
    allow_restart,
    bridge_of_tap,
    guest_without_system,
    is_reachable,
    network,
    started,
)
from tests.waiting import wait_until


@pytest.fixture
def bench(lab: Lab) -> Iterator[Bench]:
    with connect(lab.uri) as connection:
        yield Bench(connection)


@pytest.mark.parametrize("more", ["", "mtu: 1400"])
def test_guest_is_reattached_after_a_restart_of_its_network(lab: Lab, bench: Bench, more: str) -> None:
    bench.apply(network(more=more))
    started(lab, guest_without_system())
    identity = lab.virsh("domid", "web")
    edited = network(more=f"{more}\nnat: {{ports: {{start: 2000, end: 3000}}}}")
    assert verbs(bench.apply(edited)) == ["define"]
    assert [c.path for c in bench.plan(edited).pending[edited.key]] == [
        "forward/nat/port/@end",
        "forward/nat/port/@start",
    ]

    began = time.monotonic()
    assert verbs(bench.apply(allow_restart(edited))) == ["restart"]
    print(f"network restarted, its guest on it again, in {time.monotonic() - began:.2f} s")

    assert bridge_of_tap(lab) == "virbr7"
    assert "portid" in lab.virsh("dumpxml", "web")
    assert lab.virsh("net-dumpxml", "lab").startswith("<network connections='1'>")
    assert lab.virsh("domid", "web") == identity
    assert bench.plan(edited).is_empty
    assert not bench.plan(edited).pending


def test_guest_is_reattached_if_its_network_gets_a_bridge_of_another_name(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    renamed = allow_restart(desired_from(SPEC.replace("HOSTS", "").replace("virbr7", "virbr9")))

    assert verbs(bench.apply(renamed)) == ["define", "restart"]

    assert bridge_of_tap(lab) == "virbr9"
    assert bench.plan(renamed).is_empty


def test_guest_that_cannot_be_reattached_does_not_block_others_and_is_retried(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    started(lab, guest_without_system("52:54:00:00:00:02", name="db"), "db")
    tap_of_web = lab.virsh("domiflist", "web").split()[0]
    tap_of_db = lab.virsh("domiflist", "db").split()[0]
    lab.virsh("net-destroy", "lab")
    # libvirt no longer finds it. Without any tap, QEMU 10 would exit.
    lab.exec("ip", "link", "set", tap_of_web, "down", "name", "renamed")

    with pytest.raises(HostError, match=r"Network/lab is active, but .*Domain/web"):
        bench.apply(network())

    assert lab.exec("readlink", f"/sys/class/net/{tap_of_db}/master").strip().endswith("/virbr7")
    assert verbs(bench.plan(network()).actions) == ["start"]
    lab.virsh("destroy", "web")
    assert verbs(bench.apply(network())) == ["start"]
    assert bench.plan(network()).is_empty
    assert "unplugged" not in lab.virsh("net-dumpxml", "--inactive", "lab")


def test_guest_is_reattached_when_a_stopped_network_is_started_again(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    lab.virsh("net-destroy", "lab")
    assert bridge_of_tap(lab) == "none"

    assert verbs(bench.apply(network())) == ["start"]

    assert bridge_of_tap(lab) == "virbr7"


def test_guest_left_on_the_interim_network_by_a_kill_is_reattached(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    file = lab.path / "interim.xml"
    file.write_text(to_xml(next(interims("lab"))))
    lab.virsh("net-create", str(file))
    file.write_text(live_interface(lab).replace("network='lab'", f"network='{interim_name('lab')}'"))
    lab.virsh("update-device", "web", str(file), "--live")
    assert bench.actual(Key("Network", interim_name("lab"))) is None
    lab.virsh("net-destroy", "lab")

    assert verbs(bench.apply(network())) == ["start"]

    assert bridge_of_tap(lab) == "virbr7"
    assert lab.virsh("net-list", "--name", "--all").split() == ["lab"]


def test_guest_is_reattached_if_a_killed_libvirtd_left_the_interim_bridge(lab: Lab, bench: Bench) -> None:
    bench.apply(network())
    started(lab, guest_without_system())
    lab.virsh("net-destroy", "lab")
    left = next(interims("lab")).get("bridge/@name") or ""
    lab.exec("ip", "link", "add", left, "type", "bridge")

    assert verbs(bench.apply(network())) == ["start"]

    assert bridge_of_tap(lab) == "virbr7"


def test_restarted_network_on_a_bridge_of_the_host_lists_its_guest_again(lab: Lab, bench: Bench) -> None:
    lab.exec("ip", "link", "add", "br-host", "type", "bridge")
    bridged = desired_from("mode: bridge\nbridge: br-host")
    bench.apply(bridged)
    started(lab, guest_without_system())
    lab.virsh("net-destroy", "lab")

    assert verbs(bench.apply(bridged)) == ["start"]

    assert bridge_of_tap(lab) == "br-host"
    assert len(lab.virsh("net-port-list", "lab").split()) == 1


def live_interface(lab: Lab) -> str:
    """Return the running guest's interface, without its port on the network."""
    interface = parse(lab.virsh("dumpxml", "web")).find("devices/interface")
    assert interface
    return to_xml(interface.without("source/@bridge").without("source/@portid")).replace('"', "'")


def test_guest_on_another_network_is_not_changed(lab: Lab, bench: Bench) -> None:
    bench.apply(desired_from("addresses: [198.51.100.1/24]\nbridge: virbr8", "other"))
    started(lab, guest_without_system(source="network='other'"))
    before = lab.virsh("dumpxml", "web")
    bench.apply(network())

    assert "restart" in verbs(bench.apply(allow_restart(network(more="mtu: 1400"))))

    assert lab.virsh("dumpxml", "web") == before
    assert bridge_of_tap(lab) == "virbr8"


def test_real_guest_is_reachable_after_its_network_was_restarted(
    lab: Lab, bench: Bench, guest_files: GuestFiles
) -> None:
    bench.apply(network("{mac: '52:54:00:00:00:01', ip: 192.0.2.7}"))
    nic = f"<interface type='network'><mac address='{GUEST_MAC}'/><source network='lab'/><model type='virtio'/></interface>"
    started(lab, domain_xml(lab, "web", guest_files, nic))
    wait_for_agent(lab, "web")
    wait_until(lambda: is_reachable(lab, "192.0.2.7"), "the guest answers at the address that is kept for it")

    edited = allow_restart(network("{mac: '52:54:00:00:00:01', ip: 192.0.2.7}", "isolatePorts: false"))
    assert verbs(bench.apply(edited)) == ["define", "restart"]

    began = time.monotonic()
    wait_until(lambda: is_reachable(lab, "192.0.2.7"), "the guest answers again")
    print(f"a guest answers {time.monotonic() - began:.2f} s after the restart of its network")
