"""All kinds of conflicts: the message names both places, and other objects are still planned."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.kinds import KINDS
from kvmreconcile.model import Actual, Hold, Key, Observation, World
from kvmreconcile.plan import ComparisonCache, Overrides, plan
from kvmreconcile.plan.order.conflicting_specs import find_spec_conflicts
from kvmreconcile.source.load import load
from kvmreconcile.source.loaded import Loaded
from tests.first_seen import LONG

BY_NAME = {kind.name: kind for kind in KINDS}
UUID = "11111111-0008-0000-0000-000000000008"
GUEST = "type: qemu, memory: 64MiB, defaults: libvirt"
MAC = "mac: '52:54:00:00:00:33'"
NET = "mode: isolated, "
_PLACE = re.compile(r"specs\.yaml:\d+:\d+")


@dataclass(frozen=True)
class Conflict:
    """
    Two specs with the same claim, or one spec with the claim of an object on the host.

    Attributes:
        what: The claimed resource, as in the message.
        specs: The specs of one or two objects of the kind.
        xml: The definition of an unmanaged object that has the resource; "" if there is none.
        active: Whether the unmanaged object is active.
        held: The first verb that is held, "" if the specs are in error.
    """

    name: str
    kind: str
    what: str
    specs: tuple[str, ...]
    xml: str = ""
    active: bool = True
    held: str = ""


def guests(name: str, what: str, one: str, other: str = "", tail: str = "") -> Conflict:
    """Return a conflict of two guests."""
    return Conflict(name, "Domain", what, tuple(f"{GUEST}, {each}{tail}" for each in (one, other or one)))


def networks(name: str, what: str, *specs: str) -> Conflict:
    """Return a conflict of two networks."""
    return Conflict(name, "Network", what, tuple(NET + spec for spec in specs))


def pools(name: str, what: str, one: str, other: str) -> Conflict:
    """Return a conflict of two pools."""
    return Conflict(name, "StoragePool", what, (one, other))


def inside(name: str, kind: str, what: str, spec: str) -> Conflict:
    """Return a conflict between two lines of one spec."""
    return Conflict(name, kind, what, (spec,))


def of_host(conflict: Conflict, spec: str, xml: str, held: str, *, active: bool = True) -> Conflict:
    """Return a conflict with an unmanaged object on the host."""
    return replace(conflict, specs=(spec,), xml=xml, held=held, active=active)


def domain(devices: str) -> str:
    """Return the definition of a guest that is not ours."""
    return (
        f"<domain type='qemu'><name>theirs</name><uuid>{UUID}</uuid><memory>65536</memory><vcpu>1</vcpu>"
        f"<os><type>hvm</type></os><devices>{devices}</devices></domain>"
    )


def network(inside: str) -> str:
    """Return the definition of a network that is not ours."""
    return f"<network><name>theirs</name><uuid>{UUID}</uuid>{inside}</network>"


UUIDS = guests("UUID of a guest", f"UUID {UUID}", f"uuid: {UUID}")
FILE = guests("disk by file", "disk /srv/a.raw", "disks: [{name: a, file: /srv/a.raw}]")
BRIDGED = guests(
    "MAC address on a bridge", "MAC address 52:54:00:00:00:33", f"interfaces: [{{bridge: br0, {MAC}}}]"
)
BRIDGE = networks("bridge of a network", "bridge virbr7", "bridge: virbr7", "bridge: virbr7")
SUBNET = networks(
    "same subnet", "subnet 192.0.2.1/24", "addresses: [192.0.2.1/24]", "addresses: [192.0.2.1/24]"
)
DIRECTORY = pools("directory of a pool", "directory /srv/x", "path: /srv/x", "path: /srv/x/")
HOSTS = "addresses: [{{address: 192.0.2.1/24, dhcp: {{hosts: [{}]}}}}]"

CONFLICTS = (
    UUIDS,
    networks("UUID of a network", f"UUID {UUID}", f"uuid: {UUID}", f"uuid: {UUID}"),
    pools("UUID of a pool", f"UUID {UUID}", f"path: /srv/x, uuid: {UUID}", f"path: /srv/y, uuid: {UUID}"),
    guests("NVRAM file", "NVRAM file /n.fd", "firmware: {type: efi, nvram: /n.fd}"),
    guests(
        "TPM state",
        "TPM state /srv/tpm",
        "xml: '<domain><devices><tpm model=\"tpm-tis\"><backend type=\"emulator\"><source type=\"dir\" path=\"/srv/tpm\"/></backend></tpm></devices></domain>'",
    ),
    FILE,
    guests("disk by block device", "disk /dev/sdz1", "disks: [{name: a, block: /dev/sdz1}]"),
    guests(
        "disk by volume",
        "disk Volume/images/root",
        "disks: [{name: a, volume: {pool: images, name: root}}]",
        "disks: [{name: b, volume: {pool: images, name: root}}]",
    ),
    guests(
        "network disk",
        "disk rbd/images/root",
        "xml: '<domain><devices><disk type=\"network\"><driver type=\"raw\"/><source protocol=\"rbd\" name=\"images/root\"/><target dev=\"vda\" bus=\"virtio\"/></disk></devices></domain>'",
    ),
    BRIDGED,
    guests(
        "MAC address on a network",
        "MAC address 52:54:00:00:00:33",
        f"interfaces: [{{network: lan, {MAC}}}]",
    ),
    guests("vsock CID", "vsock CID 7", "vsock: 7"),
    guests("PCI device", "PCI device 0/3/0/0", "hostdevs: [{pci: '0000:03:00.0'}]"),
    BRIDGE,
    SUBNET,
    networks(
        "overlapping subnets", "subnet 192.0.2.129/25", "addresses: [192.0.2.1/24]", "addresses: [192.0.2.129/25]"
    ),
    networks(
        "overlapping IPv6 subnets",
        "subnet 2001:db8:0:1::1/64",
        "addresses: ['2001:db8::1/48']",
        "addresses: ['2001:db8:0:1::1/64']",
    ),
    DIRECTORY,
    pools(
        "source device of a pool",
        "source device /dev/sdz2",
        "path: /srv/x, type: fs, xml: '<pool><source><device path=\"/dev/sdz2\"/></source></pool>'",
        "path: /srv/y, type: fs, xml: '<pool><source><device path=\"/dev/sdz2\"/></source></pool>'",
    ),
    inside(
        "MAC address of two DHCP hosts",
        "Network",
        "two DHCP hosts have the same MAC address",
        NET + HOSTS.format(f"{{{MAC}, ip: 192.0.2.7}}, {{{MAC}, ip: 192.0.2.8}}"),
    ),
    inside(
        "address of two DHCP hosts",
        "Network",
        "two DHCP hosts have the same address",
        NET + HOSTS.format("{name: a, ip: 192.0.2.7}, {name: b, ip: 192.0.2.7}"),
    ),
    inside(
        "name of two DHCP hosts",
        "Network",
        "two DHCP hosts have the same name",
        NET + HOSTS.format("{name: a, ip: 192.0.2.7}, {name: a, ip: 192.0.2.8}"),
    ),
    of_host(
        UUIDS, f"{GUEST}, uuid: {UUID}", domain(""), "create", active=False
    ),
    of_host(
        FILE,
        f"{GUEST}, disks: [{{name: a, file: /srv/a.raw}}]",
        domain("<disk type='file' device='disk'><source file='/srv/a.raw'/><target dev='vda'/></disk>"),
        "start",
    ),
    of_host(
        BRIDGED,
        f"{GUEST}, interfaces: [{{bridge: br0, {MAC}}}]",
        domain("<interface type='bridge'><mac address='52:54:00:00:00:33'/><source bridge='br0'/></interface>"),
        "start",
    ),
    of_host(BRIDGE, NET + "bridge: virbr7", network("<bridge name='virbr7'/>"), "create", active=False),
    of_host(
        SUBNET, NET + "addresses: [192.0.2.1/24]", network("<ip address='192.0.2.9' prefix='24'/>"), "start"
    ),
    of_host(
        DIRECTORY,
        "path: /srv/x",
        f"<pool type='dir'><name>theirs</name><uuid>{UUID}</uuid><target><path>/srv/x</path></target></pool>",
        "create",
        active=False,
    ),
)  # fmt: skip


def written(conflict: Conflict, tmp_path: Path) -> Path:
    """Write the specs of a conflict, the objects that they refer to, and an unrelated object."""
    needed = "{kind: Network, metadata: {name: lan}, spec: {mode: isolated}}"
    pool = "{kind: StoragePool, metadata: {name: images}, spec: {path: /srv/images}}"
    volume = "{kind: Volume, metadata: {name: root}, spec: {pool: images, capacity: 1GiB}}"
    innocent = f"{{kind: Domain, metadata: {{name: innocent}}, spec: {{{GUEST}, state: running}}}}"
    documents = [
        f"{{kind: {conflict.kind}, metadata: {{name: {name}}}, spec: {{{spec}, state: running}}}}"
        for name, spec in zip(("one", "two"), conflict.specs, strict=False)
    ]
    file = tmp_path / "specs.yaml"
    lines = (
        f"--- {each[0]}apiVersion: kvmreconcile/v1, {each[1:]}"
        for each in (*documents, needed, pool, volume, innocent)
    )
    file.write_text("\n".join(lines) + "\n")
    return file


def world(loaded: Loaded, conflict: Conflict) -> World:
    key = Key(conflict.kind, "theirs")
    actual = Actual(key=key, uuid=UUID, xml=conflict.xml, active=conflict.active)
    observed = Observation({key: actual} if conflict.xml else {})
    return World(
        "test", "here", datetime(2026, 11, 30, tzinfo=UTC), loaded.desired, observed, {}, first_seen=LONG
    )


@dataclass(frozen=True)
class Finding:
    """
    The result for a conflict.

    Attributes:
        messages: The output of `validate`.
        done: The steps of the plan.
        first: The first held step on the object "one", with the reason; "" if no step is held.
    """

    messages: Sequence[str]
    done: frozenset[str]
    first: str

    def __str__(self) -> str:
        return "validate: both specs left out" if self.messages else f"plan: {self.first}"


def find(conflict: Conflict, tmp_path: Path) -> Finding:
    """Validate the specs of a conflict, and plan them."""
    loaded = load([written(conflict, tmp_path)], BY_NAME, "test")
    context = world(loaded, conflict)
    alone = replace(context, observed=Observation())
    messages = [
        str(problem)
        for problem in (*loaded.problems, *find_spec_conflicts(alone, BY_NAME, ComparisonCache()).problems)
    ]
    made = plan(context, BY_NAME, Overrides())
    held = (
        f"{h.action.verb.name} {h.action.key} held: {h.detail}" for h in made.held if h.hold is Hold.CLAIM
    )
    return Finding(messages, frozenset(f"{a.verb.name} {a.key}" for a in made.actions), next(held, ""))


@pytest.mark.case("35")
@pytest.mark.parametrize(
    "conflict", CONFLICTS, ids=lambda c: f"{c.name}, {'with an object' if c.xml else 'in specs'}"
)
def test_conflict_is_reported_before_any_step_and_other_objects_are_planned(
    conflict: Conflict, tmp_path: Path
) -> None:
    found = find(conflict, tmp_path)

    assert {"create Domain/innocent", "start Domain/innocent"} <= found.done
    assert f"{conflict.held or 'create'} {conflict.kind}/one" not in found.done
    if conflict.held:
        assert found.messages == []
        assert found.first.startswith(f"{conflict.held} {conflict.kind}/one held: {conflict.kind}/theirs ")
        assert f"the {conflict.what}" in found.first
    else:
        assert any(conflict.what in line for line in found.messages)
        for line in found.messages:
            assert len(set(_PLACE.findall(line))) == 2
        assert len(found.messages) == len(conflict.specs)
        assert f"create {conflict.kind}/two" not in found.done


@pytest.mark.figures
def test_conflicts_in_the_table_are_unique(tmp_path: Path) -> None:
    for conflict in CONFLICTS:
        print(f"  {conflict.name}: {find(conflict, tmp_path)}")
    print(f"  {len(CONFLICTS)} conflicts")
    assert len({(c.name, c.held) for c in CONFLICTS}) == len(CONFLICTS) > 20
