"""
Rows for live changes that cannot be tested with a running guest on the test machines.

They need other hardware, another kernel or a newer libvirt. The changes are planned with
definitions from libvirt's own driver, and the next plan is empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from kvmreconcile.host.oracle import Oracle
from kvmreconcile.kinds.ownership_mark import read_mark
from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Observation, Plan, World
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.planner import plan
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.source.load import load
from kvmreconcile.tree import Table, parse, to_xml
from tests.first_seen import LONG
from tests.lab.live_devices import NOT_RUN as DEVICES
from tests.lab.live_newer import GROUPS as NEWER
from tests.lab.live_rows import bare, put
from tests.lab.live_values import NOT_RUN as VALUES

KEY = Key("Domain", "web1")
MAC = "52:54:00:00:00:61"
DRIVE = {"name": "cd", "device": "cdrom", "bus": "scsi"}
PCI = {"name": "card", "pci": "0000:65:00.0"}
SHARE = {"uuid": "c2177883-f1bb-47f0-914d-32a22e3a8804", "model": "vfio-pci"}
LEASE = "<domain><devices><lease><lockspace>a</lockspace><key>b</key><target path='/srv/lease'/></lease></devices></domain>"
GROUP = "<domain><throttlegroups><throttlegroup><group_name>g</group_name><total_iops_sec>{}</total_iops_sec></throttlegroup></throttlegroups></domain>"
POLL = "<domain><iothreadids><iothread id='1'><poll max='{}'/></iothread></iothreadids></domain>"
FLOW = {"average": "1MiB", "peak": "2MiB"}


@dataclass(frozen=True)
class Case:
    """An edit of a spec. `knows`: whether libvirt 9.0 supports the edited elements."""

    rows: tuple[str, ...]
    change: Mapping[str, Any]
    spec: Mapping[str, Any] = field(default_factory=dict)
    knows: bool = True


def devices(place: str, member: Mapping[str, Any], path: str) -> tuple[Case, Case]:
    """Return the cases in which a device is added and removed."""
    come = {place: [member]}
    return Case((f"{path}:attach",), come), Case((f"{path}:detach",), {place: []}, come)


CASES = {
    "another device as a medium": Case(
        ("devices/disk/source/@dev:update",),
        {"disks": [{**DRIVE, "block": "/dev/sr1"}]},
        {"disks": [{**DRIVE, "block": "/dev/sr0"}]},
    ),
    **dict(zip(("a card", "no card"), devices("hostdevs", PCI, "devices/hostdev"), strict=True)),
    "a USB device": Case(
        ("devices/hostdev:attach",),
        {"hostdevs": [{"name": "stick", "usb": {"vendor": "0x1d6b", "product": "0x0002"}}]},
    ),
    "a share of a card": Case(
        ("devices/hostdev:attach",),
        {"hostdevs": [{"name": "share", "mdev": SHARE}]},
    ),
    "a socket to the host": Case(("devices/vsock:attach",), {"vsock": {"cid": 42}}),
    "and none": Case(("devices/vsock:detach",), {"vsock": None}, {"vsock": {"cid": 42}}),
    "a lease": Case(("devices/lease:attach",), {"xml": LEASE}),
    "no lease": Case(("devices/lease:detach",), {"xml": "<domain/>"}, {"xml": LEASE}),
    "trust in the guest": Case(
        ("devices/interface/@trustGuestRxFilters:update",),
        {"interfaces[one].trustGuestRxFilters": True},
        {"interfaces": [{"name": "one", "direct": {"dev": "eth0"}, "mac": MAC}]},
    ),
    "limits of traffic": Case(
        (
            "devices/interface/bandwidth/inbound:set-bandwidth",
            "devices/interface/bandwidth/outbound:set-bandwidth",
        ),
        {"interfaces[one].bandwidth": {"inbound": FLOW, "outbound": FLOW}},
        {"interfaces": [{"name": "one", "bridge": "br0", "mac": MAC}]},
    ),
    "other limits": Case(
        (
            "devices/interface/bandwidth/inbound/@*:set-bandwidth",
            "devices/interface/bandwidth/outbound/@*:set-bandwidth",
        ),
        {
            "interfaces[one].bandwidth": {
                "inbound": {"average": "512KiB"},
                "outbound": {"average": "512KiB", "peak": "2MiB"},
            }
        },
        {
            "interfaces": [
                {"name": "one", "bridge": "br0", "mac": MAC, "bandwidth": {"inbound": FLOW, "outbound": FLOW}}
            ]
        },
    ),
    "polling": Case(
        ("iothreadids/iothread/poll:set-iothreads",),
        {"xml": POLL.format(5)},
        {"iothreads": {"count": 1, "ids": [{"id": 1}]}},
        knows=False,
    ),
    "less polling": Case(
        ("iothreadids/iothread/poll/@*:set-iothreads",),
        {"xml": POLL.format(4)},
        {"iothreads": {"count": 1, "ids": [{"id": 1}]}, "xml": POLL.format(5)},
        knows=False,
    ),
    "a group of limits": Case(
        ("throttlegroups/throttlegroup:set-throttle",), {"xml": GROUP.format(500)}, knows=False
    ),
    "other limits of it": Case(
        ("throttlegroups/throttlegroup/*:set-throttle",),
        {"xml": GROUP.format(400)},
        {"xml": GROUP.format(500)},
        knows=False,
    ),
    "another node": Case(
        ("numatune/memory/@nodeset:set-numa",),
        {"numatune.memory": {"mode": "restrictive", "nodeset": "1"}},
        {"numatune": {"memory": {"mode": "restrictive", "nodeset": "0"}}},
    ),
}


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    with Oracle() as oracle:
        yield oracle


@dataclass(frozen=True)
class Stage:
    """A stored guest that is presented as running."""

    directory: Path
    oracle: Oracle | None

    def make_desired(self, spec: Mapping[str, Any]) -> Desired:
        """Return the desired object of a spec."""
        document = {"apiVersion": "kvmreconcile/v1", "kind": "Domain", "metadata": {"name": "web1"}}
        (self.directory / "web1.yaml").write_text(yaml.safe_dump({**document, "spec": spec}))
        specs = load([self.directory], known_kinds(), "here")
        assert not specs.problems
        return specs.desired[KEY]

    def runs(self, action: Action) -> Actual:
        """Return the guest after the definition of an action was stored and started."""
        assert action.tree is not None
        xml = to_xml(action.tree)
        xml = self.oracle.canonical(xml, validate=True) if self.oracle else xml
        live, uuid = xml.replace("<domain ", "<domain id='1' ", 1), parse(xml).get("uuid") or ""
        return Actual(KEY, uuid, xml, live, active=True, runtime_id=1, ownership_mark=read_mark(parse(xml)))

    def plan(self, desired: Desired, actual: Actual | None, applied: Applied | None) -> Plan:
        """Return the plan."""
        observed = Observation({KEY: actual} if actual else {})
        known = {KEY: applied} if applied else {}
        now = datetime(2026, 1, 1, tzinfo=UTC)
        world = World("here", "host", now, {KEY: desired}, observed, known, first_seen=LONG)
        return plan(world, known_kinds())


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_change_for_each_row_is_planned_with_its_verb_and_then_in_sync(
    case: Case, oracle: Oracle, tmp_path: Path
) -> None:
    stage = Stage(tmp_path, oracle if case.knows else None)
    spec: dict[str, Any] = {"machine": "q35", "memory": "256MiB", "vcpus": 2, **case.spec}
    before = stage.make_desired(spec)
    made = stage.plan(before, None, None)
    actual = stage.runs(next(a for a in made.actions if a.key == KEY))
    domain = known_kinds()["Domain"]
    applied = applied_after(before, actual, domain, "here")

    for place, value in case.change.items():
        put(spec, place, value)
    after = stage.make_desired(spec)
    edited = stage.plan(after, actual, applied)

    steps = [a for a in edited.actions if a.verb.name != "define"]
    assert {str(a.effect) for a in edited.actions} == {"live"}
    assert not edited.held
    assert not edited.pending
    for row in case.rows:
        path, _, verb = row.rpartition(":")
        planned = [bare(c.path) for a in steps if a.verb.name == verb for c in a.changes]
        assert any(Table({path: True}).get(p) for p in planned), f"{row} is not in {planned}"
    actual = stage.runs(next(a for a in edited.actions if a.verb.name == "define"))
    assert stage.plan(after, actual, applied_after(after, actual, domain, "here")).is_empty


def test_all_rows_without_a_test_in_a_guest_are_listed() -> None:
    here = {row for case in CASES.values() for row in case.rows}
    nowhere = (VALUES | DEVICES).keys() - {"uuid:replace"}
    newer = {row for group in NEWER for edit in group.edits for row in edit.rows}

    assert nowhere <= here <= nowhere | newer
