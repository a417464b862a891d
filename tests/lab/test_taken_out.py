"""Whatever is taken out of a network's or pool's spec: at most one restart, and then nothing is pending."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from kvmreconcile.host.connection import connect
from tests.lab.lab import Lab, LabError
from tests.lab.passes import Passes
from tests.lab.site import made_by_hand
from tests.lab.whole_specs import DISK, ELSEWHERE, IMAGES, KNOWN, WHOLES, Fields, leaves, places

Opened = Callable[[], AbstractContextManager[Passes]]
EDITS = [
    pytest.param(name, rest, id=f"{name}, without {what}")
    for name, whole in WHOLES.items()
    for what, rest in whole.edits()
]


@pytest.fixture(scope="module")
def places_of_lab(shared_lab: Lab) -> Iterator[Mapping[str, str]]:
    """Devices and a file system of a lab, and what stands for them in specs."""
    lab, images = shared_lab, shared_lab.path / "images"
    lab.reset()
    with suppress(LabError):
        lab.exec("ip", "link", "add", "out1", "type", "veth", "peer", "name", "out2")
        lab.exec("ip", "link", "add", "br5", "type", "bridge")
    lab.exec("sh", "-c", f"truncate -s 8M {images}/disk && mkfs.ext4 -q {images}/disk")
    disk = lab.exec("losetup", "--find", "--show", f"{images}/disk").strip()
    yield {IMAGES: str(images), DISK: disk}
    lab.reset()
    lab.exec("losetup", "--detach", disk)


@pytest.fixture(scope="module")
def passes(
    request: pytest.FixtureRequest,
    shared_lab: Lab,
    places_of_lab: Mapping[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Passes]:
    """Passes over an object that is as its whole spec says."""
    whole = WHOLES[request.param]
    with connect(shared_lab.uri) as connection:
        passes = Passes(shared_lab, connection, tmp_path_factory.mktemp("passes"), whole.kind, places_of_lab)
        passes.say(whole.all, "restart")
        passes.apply()
        passes.assert_in_sync()
        yield passes
        passes.remove()


@pytest.mark.parametrize(("passes", "rest"), EDITS, indirect=["passes"], scope="module")
def test_field_taken_out_and_put_back_takes_one_restart_each_by_whomever(
    passes: Passes, rest: Fields
) -> None:
    whole, before = passes.fields, passes.events.stops()
    passes.say(rest, "next-boot")
    passes.apply()
    waiting = passes.pending()
    assert passes.pending() == waiting
    assert passes.events.stops() == before

    passes.say(rest, "restart")
    passes.apply()

    for _ in range(3):
        passes.assert_in_sync()
    assert passes.events.stops() == before + bool(waiting)
    passes.say(whole, "next-boot")
    passes.apply()
    passes.restart_by_virsh()
    for _ in range(2):
        passes.assert_in_sync()
    assert passes.events.stops() == before + bool(waiting) + 1


NAT: Fields = {
    "autostart": True,
    "mode": "nat",
    "stp": False,
    "addresses": [
        {
            "address": "192.0.2.1/24",
            "dhcp": {
                "ranges": [{"start": "192.0.2.100", "end": "192.0.2.199"}],
                "hosts": [{"mac": "52:54:00:00:02:0a", "name": "db1", "ip": "192.0.2.10"}],
            },
        }
    ],
}
LINES = [
    pytest.param(
        {"domain": {"name": "demo.example.org", "localOnly": True}}, id="domain", marks=pytest.mark.case("3a")
    ),
    pytest.param({"mtu": 1400}, id="mtu", marks=pytest.mark.case("3b")),
    pytest.param(
        {"routes": [{"to": "203.0.113.0/24", "via": "192.0.2.9"}]}, id="routes", marks=pytest.mark.case("3c")
    ),
]


@pytest.fixture
def network(lab: Lab, tmp_path: Path) -> Opened:
    """Return what opens passes over a network, again and again with the same specs and state."""

    @contextmanager
    def opened() -> Iterator[Passes]:
        with connect(lab.uri) as connection:
            passes = Passes(lab, connection, tmp_path, "Network", {})
            yield passes
            passes.state.close()

    return opened


@pytest.mark.parametrize("line", LINES)
def test_line_taken_out_restarts_a_network_once(network: Opened, line: Fields) -> None:
    with network() as passes:
        passes.say({**NAT, **line}, "restart")
        passes.apply()
        passes.say(NAT, "restart")

        passes.apply()

        for _ in range(5):
            passes.assert_in_sync()
        assert passes.events.stops() == 1


@pytest.mark.parametrize("line", LINES)
def test_line_taken_out_stays_pending_over_a_restart_of_libvirtd_until_the_host_boots(
    network: Opened, lab: Lab, line: Fields
) -> None:
    with network() as passes:
        passes.say({**NAT, **line}, "next-boot")
        passes.apply()
        passes.say(NAT, "next-boot")
        passes.apply()
        waiting = passes.pending()
    lab.restart_libvirtd()
    with network() as passes:
        assert passes.pending() == waiting
        assert len(waiting) == 1

    lab.virsh("net-destroy", "lab")
    # By this libvirtd knows whether the host has booted since it started what is to be started then.
    lab.exec("rm", "/run/libvirt/network/autostarted")
    lab.restart_libvirtd()

    with network() as passes:
        passes.assert_in_sync()


def test_edit_by_another_tool_after_the_restart_is_not_pending_for_us(network: Opened, lab: Lab) -> None:
    with network() as passes:
        passes.say({**NAT, "mtu": 1400}, "restart")
        passes.apply()
        passes.say(NAT, "restart")
        passes.apply()
        stored = lab.virsh("net-dumpxml", "--inactive", "lab")

        made_by_hand(lab, "net-define", stored.replace("<ip ", "<mtu size='1300'/><ip ", 1))

        passes.assert_in_sync()
        assert passes.events.stops() == 1


def test_every_field_is_taken_out() -> None:
    for kind in ("Network", "StoragePool"):
        said = {
            ".".join(step for step in place if isinstance(step, str))
            for whole in WHOLES.values()
            if whole.kind == kind
            for place in places(whole.fields)
        }

        assert set(leaves(KNOWN[kind].spec)) - said == (ELSEWHERE if kind == "Network" else set())
