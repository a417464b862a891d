"""A line removed from a network: one restart, by any tool, and pending until then."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from kvmreconcile.host.connection import connect
from tests.lab.lab import Lab
from tests.lab.passes import Passes
from tests.lab.session import run_virsh_with_xml
from tests.lab.whole_specs import Fields

Opened = Callable[[], AbstractContextManager[Passes]]

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
    """Return a function that opens passes over a network, each time with the same specs and state."""

    @contextmanager
    def opened() -> Iterator[Passes]:
        with connect(lab.uri) as connection:
            passes = Passes(lab, connection, tmp_path, "Network", {})
            yield passes
            passes.state.close()

    return opened


@pytest.mark.parametrize("line", LINES)
def test_removed_line_restarts_a_network_once(network: Opened, line: Fields) -> None:
    with network() as passes:
        passes.write_spec({**NAT, **line}, "restart")
        passes.apply()
        passes.write_spec(NAT, "restart")

        passes.apply()

        for _ in range(5):
            passes.assert_in_sync()
        assert passes.events.stops() == 1


@pytest.mark.parametrize("line", LINES)
def test_removed_line_stays_pending_after_a_restart_of_libvirtd_until_the_host_boots(
    network: Opened, lab: Lab, line: Fields
) -> None:
    with network() as passes:
        passes.write_spec({**NAT, **line}, "next-boot")
        passes.apply()
        passes.write_spec(NAT, "next-boot")
        passes.apply()
        waiting = passes.pending()
    lab.restart_daemon(lab.daemon_of("network"))
    with network() as passes:
        assert passes.pending() == waiting
        assert len(waiting) == 1

    lab.virsh("net-destroy", "lab")
    # By this file libvirtd knows whether autostart has been done since the host's boot.
    lab.exec("rm", "/run/libvirt/network/autostarted")
    lab.restart_daemon(lab.daemon_of("network"))

    with network() as passes:
        passes.assert_in_sync()


def test_edit_by_another_tool_after_the_restart_is_not_reported_as_pending(network: Opened, lab: Lab) -> None:
    with network() as passes:
        passes.write_spec({**NAT, "mtu": 1400}, "restart")
        passes.apply()
        passes.write_spec(NAT, "restart")
        passes.apply()
        stored = lab.virsh("net-dumpxml", "--inactive", "lab")

        run_virsh_with_xml(lab, "net-define", stored.replace("<ip ", "<mtu size='1300'/><ip ", 1))

        passes.assert_in_sync()
        assert passes.events.stops() == 1
