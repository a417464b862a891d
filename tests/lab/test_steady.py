"""A daemon that makes many passes restarts nothing without a reason, counted by libvirt's own events."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import libvirt
import pytest

from kvmreconcile.host.connection import connect
from kvmreconcile.kinds.network.reattachment import is_interim
from tests.lab.daemon import OBJECTS, Daemon
from tests.lab.session import Session, run_virsh_with_xml
from tests.waiting import wait_until

RESYNC_S, SHORT_S, LONG_S = 10, 30, 600
LINES = (
    "  mtu: 1400\n",
    "  domain: {name: demo.example.org, localOnly: true}\n",
    "  routes: [{to: 203.0.113.0/24, via: 198.51.100.9}]\n",
)
NETWORK = """\
apiVersion: kvmreconcile/v1
kind: Network
metadata: {name: side}
spec:
  update: {maxEffect: restart}
  mode: nat
  stp: false
  bridge: virbr8
  addresses: [198.51.100.1/24]
"""
POOL = """\
apiVersion: kvmreconcile/v1
kind: StoragePool
metadata: {{name: more}}
spec: {{path: {path}, update: {{maxEffect: restart}}}}
"""
GRAPHICS = {
    "vnc": "<graphics type='vnc' port='-1' websocket='-1'/>",
    "listen": "<graphics type='vnc' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>",
}
"""Guests that were created by virsh, and what libvirt chooses for each when it starts."""
GUEST = """\
<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features>
  <devices>{graphics}</devices></domain>
"""


@dataclass
class Runs:
    """How often each object was started and stopped, as libvirt reports it."""

    virt: libvirt.virConnect
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        started, stopped = libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STOPPED
        self.virt.domainEventRegisterAny(
            None,
            libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
            self._note,
            ("Domain", {started: "started", stopped: "stopped"}),
        )
        started, stopped = libvirt.VIR_NETWORK_EVENT_STARTED, libvirt.VIR_NETWORK_EVENT_STOPPED
        self.virt.networkEventRegisterAny(
            None,
            libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE,
            self._note,
            ("Network", {started: "started", stopped: "stopped"}),
        )
        started, stopped = libvirt.VIR_STORAGE_POOL_EVENT_STARTED, libvirt.VIR_STORAGE_POOL_EVENT_STOPPED
        self.virt.storagePoolEventRegisterAny(
            None,
            libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE,
            self._note,
            ("StoragePool", {started: "started", stopped: "stopped"}),
        )

    def _note(
        self, _connection: object, each: Any, event: int, _detail: int, opaque: tuple[str, dict[int, str]]
    ) -> None:
        kind, names = opaque
        # Guests are reattached to a started network through such an interim network.
        if event in names and not is_interim(each.name()):
            self.counts[f"{kind}/{each.name()}", names[event]] += 1

    def expect(self, starts: dict[str, int]) -> None:
        """Wait until each object has been started this many times."""
        wait_until(lambda: self.started() == starts, f"starts are {starts}", 60)

    def started(self) -> dict[str, int]:
        """Return how often each object was started."""
        return {key: count for (key, what), count in sorted(self.counts.items()) if what == "started"}


@pytest.fixture
def runs(daemon: Daemon) -> Iterator[Runs]:
    """Counts of starts and stops since before the daemon started."""
    with connect(daemon.lab.uri) as connection:
        yield Runs(connection.virt)


@pytest.mark.case("3a")
@pytest.mark.case("3b")
@pytest.mark.case("3c")
@pytest.mark.case("4a")
@pytest.mark.case("5a")
@pytest.mark.case("5b")
@pytest.mark.figures
@pytest.mark.timeout(LONG_S + 240)
def test_only_requested_restarts_happen(daemon: Daemon, runs: Runs, request: pytest.FixtureRequest) -> None:
    for_s = LONG_S if request.config.getoption("--full") else SHORT_S
    session, images = Session(daemon.lab, daemon.specs.parent), daemon.lab.path / "images"
    for name, graphics in GRAPHICS.items():
        run_virsh_with_xml(daemon.lab, "define", GUEST.format(name=name, graphics=graphics))
        daemon.lab.virsh("start", name)
        adopted = session.run("adopt", f"Domain/{name}", "-o", str(daemon.specs / f"{name}.yaml"))
        assert adopted.exit_code == 0, adopted.output
    (daemon.specs / "side.yaml").write_text(NETWORK + "".join(LINES))
    (daemon.specs / "more.yaml").write_text(POOL.format(path=images / "first"))
    daemon.environment["KVMRECONCILE_RESYNC"] = f"{RESYNC_S}s"
    daemon.start()
    daemon.wait_until_idle(in_sync=OBJECTS + 4)
    made = ("Domain/listen", "Domain/vnc", "Domain/web1", "Network/demo", "Network/side")
    starts = dict.fromkeys([*made, "StoragePool/demo", "StoragePool/more"], 1)
    runs.expect(starts)

    # Requested: a restart for each line, one for the pool, and a start of each object that virsh stopped.
    for number, _ in enumerate(LINES, 1):
        (daemon.specs / "side.yaml").write_text(NETWORK + "".join(LINES[number:]))
        runs.expect(starts := {**starts, "Network/side": 1 + number})
    (daemon.specs / "more.yaml").write_text(POOL.format(path=images / "second"))
    for name in GRAPHICS:
        daemon.lab.virsh("destroy", name)
    daemon.lab.virsh("net-destroy", "demo")
    asked = ("Domain/listen", "Domain/vnc", "Network/demo", "StoragePool/more")
    runs.expect(starts := {**starts, **dict.fromkeys(asked, 2)})

    before = passes(daemon)
    time.sleep(for_s)

    assert runs.started() == starts
    stops = {key: count for (key, what), count in runs.counts.items() if what == "stopped"}
    assert stops == {key: count - 1 for key, count in starts.items() if count > 1}
    made_passes = passes(daemon) - before
    print(f"{made_passes} passes in {for_s} s; started, as asked for: {starts}")
    # A resync is delayed by up to a tenth of its interval.
    assert made_passes >= for_s // (RESYNC_S * 1.1) - 1


def passes(daemon: Daemon) -> int:
    """Return how many passes the timer alone started."""
    return sum(line["event"] == "pass.started" and line["rung_by"] == ["resync"] for line in daemon.lines())
