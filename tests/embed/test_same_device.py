"""Edits of device keys: libvirt accepts the definitions, and a running guest keeps its devices."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from kvmreconcile.kinds.domain import KIND
from kvmreconcile.model import Actual, Desired, Key, Observation, Plan
from kvmreconcile.plan import plan
from kvmreconcile.tree import Node
from tests.embed.embedded import KINDS, Embedded, make_desired

pytestmark = pytest.mark.case("7")

KEY = Key("Domain", "same")
PLUGGING = {"attach", "detach", "replug"}
Fields = dict[str, Any]
A, B = {"file": "/nowhere/a.img", "format": "raw"}, {"file": "/nowhere/b.img", "format": "raw"}
MAC, OTHER, NEW, NEWER = (f"52:54:00:00:00:0{digit}" for digit in "1234")
NIC = {"user": True, "mac": MAC, "model": "virtio"}
SHARE = {"source": "/usr/share/doc", "target": "docs"}
ROOMY: Fields = {"memory": {"size": "64MiB", "maximum": "1GiB"}}
DIMM = {"model": "dimm", "size": "128MiB", "node": 0}
PC: Fields = {"machine": "pc"}


def spec(**fields: Any) -> Desired:
    return make_desired("same", {"type": "qemu", "memory": "64MiB", "state": "any", **fields})


def the(hypervisor: Embedded) -> Actual:
    seen = hypervisor.observed().objects[KEY]
    assert isinstance(seen, Actual)
    return seen


def running(hypervisor: Embedded, web: Desired, live: str) -> Plan:
    """Return the plan for the stored guest while it still runs with an earlier definition."""
    xml = live.replace("<domain ", "<domain id='1' ", 1)
    there = replace(the(hypervisor), active=True, live_xml=xml, runtime_id=1)
    return plan(replace(hypervisor.world(web), observed=Observation({KEY: there})), KINDS)


def addresses(domain: Node, tag: str) -> list[tuple[tuple[str, str], ...]]:
    """Return the sorted addresses of the devices of a tag."""
    return sorted(d.attrs for device in domain.all(f"devices/{tag}") if (d := device.child("address")))


def edits() -> Iterator[Any]:
    """Yield edits: name, lists before and after, and number of devices with the same address."""
    for bus, one, two in (
        ("virtio", "vda", "vdb"),
        ("sata", "sda", "sdb"),
        ("scsi", "sda", "sdc"),
        ("usb", "sda", "sdb"),
    ):
        before, after = ([{**A, "bus": bus, "target": target}] for target in (one, two))
        yield pytest.param({"disks": before}, {"disks": after}, 1, id=f"target-{bus}")
    for device, bus, one, two in (("disk", "ide", "hda", "hdc"), ("floppy", "fdc", "fda", "fdb")):
        before, after = ([{**A, "device": device, "bus": bus, "target": target}] for target in (one, two))
        yield pytest.param({**PC, "disks": before}, {**PC, "disks": after}, 1, id=f"target-{bus}")
    for device, field in (("cdrom", "sata"), ("cdrom", "usb")):
        before, after = (
            [{**A, "device": device, "bus": field, "target": target}] for target in ("sda", "sdb")
        )
        yield pytest.param({"disks": before}, {"disks": after}, 1, id=f"drive-{field}")
    for bus in ("sata", "scsi"):
        yield pytest.param(
            {"disks": [{**A, "bus": bus, "target": "sda"}]},
            {"disks": [{**B, "bus": bus, "target": "sda"}, {**A, "bus": bus, "target": "sdb"}]},
            1,
            id=f"another-takes-the-target-{bus}",
        )
        yield pytest.param(
            {"disks": [{"name": "a", **A, "bus": bus, "target": "sda"}]},
            {
                "disks": [
                    {"name": "a", **A, "bus": bus, "target": "sdb"},
                    {"name": "b", **B, "bus": bus, "target": "sda"},
                ]
            },
            1,
            id=f"new-disk-under-the-earlier-target-{bus}",
        )
    yield pytest.param(
        {"disks": [{**A, "bus": "virtio", "target": "vda"}]},
        {"disks": [{**A, "bus": "scsi", "target": "sda"}]},
        0,
        id="bus",
    )
    yield pytest.param(
        {"disks": [{"name": "a", **A, "target": "vda"}, {"name": "b", **B, "target": "vdb"}]},
        {"disks": [{"name": "a", **A, "target": "vdb"}, {"name": "b", **B, "target": "vda"}]},
        2,
        id="targets-swapped",
    )
    yield pytest.param(
        {"disks": [{"name": "a", **A}]}, {"disks": [{"name": "b", **A}]}, 1, id="name-of-a-disk"
    )
    yield pytest.param(
        {"disks": [{**A, "target": "vda"}]}, {"disks": [{"name": "b", **A}]}, 1, id="name-for-a-target"
    )
    yield pytest.param(
        {"disks": [{"name": "a", **A}]}, {"disks": [{**A, "target": "vda"}]}, 1, id="target-for-a-name"
    )
    yield pytest.param({"interfaces": [NIC]}, {"interfaces": [{**NIC, "mac": OTHER}]}, 1, id="mac")
    yield pytest.param(
        {"interfaces": [{"name": "a", **NIC}]},
        {"interfaces": [{"name": "b", **NIC}]},
        1,
        id="name-of-an-interface",
    )
    yield pytest.param(
        {"interfaces": [{"name": "a", "user": True}]},
        {"interfaces": [{"name": "b", "user": True}]},
        1,
        id="name-of-the-only-interface",
    )
    yield pytest.param(
        {"filesystems": [SHARE]},
        {"filesystems": [{**SHARE, "target": "papers"}]},
        1,
        id="target-of-a-directory",
    )
    yield pytest.param(
        {**ROOMY, "memoryDevices": [{"name": "a", **DIMM}]},
        {**ROOMY, "memoryDevices": [{"name": "b", **DIMM}]},
        1,
        id="name-of-memory",
    )
    pci = {"pci": "0000:03:00.0"}
    yield pytest.param(
        {"hostdevs": [{"name": "a", **pci}]},
        {"hostdevs": [{"name": "b", **pci}]},
        1,
        id="name-of-a-host-device",
    )
    usb: Fields = {"redirdevs": [{"name": "a", "type": "spicevmc"}], "graphics": [{"type": "spice"}]}
    yield pytest.param(
        usb, {**usb, "redirdevs": [{"name": "b", "type": "spicevmc"}]}, 1, id="name-of-a-redirection"
    )
    scsi: Fields = {"type": "scsi", "index": 0, "model": "virtio-scsi"}
    yield pytest.param(
        {"controllers": [{"name": "a", **scsi}]},
        {"controllers": [{"name": "b", **scsi}]},
        1,
        id="name-of-a-controller",
    )


TAGS = {
    "disks": "disk",
    "interfaces": "interface",
    "filesystems": "filesystem",
    "memoryDevices": "memory",
    "hostdevs": "hostdev",
    "redirdevs": "redirdev",
    "controllers": "controller",
}


@pytest.mark.parametrize(("before", "after", "stay"), list(edits()))
def test_edited_device_key_does_not_unplug_the_device(
    hypervisor: Embedded, before: Fields, after: Fields, stay: int
) -> None:
    hypervisor.clear()
    was, web = spec(**before), spec(**after)
    assert not hypervisor.apply(was, hypervisor.plan(was)).failed
    live = the(hypervisor).xml
    tag = TAGS[next(field for field in before if field in TAGS)]
    places = addresses(the(hypervisor).tree, tag)

    first = running(hypervisor, web, live)
    report = hypervisor.apply(web, hypervisor.plan(web))
    second = running(hypervisor, web, live)

    for made in (first, second):
        assert not PLUGGING & {action.verb.name for action in made.actions}, made.actions
        assert made.held == ()
    assert not report.failed, report.failed
    assert not report.settled
    assert second.actions == ()
    assert hypervisor.plan(web).is_empty
    now = addresses(the(hypervisor).tree, tag)
    assert sum(place in now for place in places) >= stay
    # After the next start, no change is pending.
    assert not running(hypervisor, web, the(hypervisor).xml).pending


def test_interfaces_named_after_the_start_are_matched_by_address(
    hypervisor: Embedded,
) -> None:
    hypervisor.clear()
    # libvirt counts the taps at each start.
    tap: Fields = {"bridge": "br0", "model": "virtio", "target": "tap%d"}
    bare, named, edited = (
        spec(checkSchema=False, interfaces=[{**tap, **more} for more in both])
        for both in (
            ({"mac": MAC}, {"mac": OTHER}),
            ({"name": "a", "mac": MAC}, {"name": "b", "mac": OTHER}),
            ({"name": "b", "mac": NEW, "link": "down"}, {"name": "a", "mac": NEWER}),
        )
    )
    assert not hypervisor.apply(bare, hypervisor.plan(bare)).failed
    live = the(hypervisor).xml.replace("tap%d", "tap7", 1).replace("tap%d", "tap8")
    assert not hypervisor.apply(named, hypervisor.plan(named)).failed

    made = running(hypervisor, edited, live)

    assert [(action.verb.name, action.steps) for action in made.actions] == [
        ("define", ()),
        ("update", ("devices", "interface[b]")),
    ]
    waits = sorted((c.path, c.old, c.new) for c in made.pending[KEY])
    assert waits == [
        ("devices/interface[a]/mac/@address", MAC, NEWER),
        ("devices/interface[b]/mac/@address", OTHER, NEW),
    ]


def test_disk_that_takes_the_target_of_a_removed_disk_is_not_unplugged(
    hypervisor: Embedded,
) -> None:
    hypervisor.clear()
    was = spec(disks=[{**A, "target": "vda"}, {**B, "target": "vdb"}])
    web = spec(disks=[{**B, "target": "vda"}])
    assert not hypervisor.apply(was, hypervisor.plan(was)).failed
    live = the(hypervisor).xml

    first = running(hypervisor, web, live)
    assert not hypervisor.apply(web, hypervisor.plan(web)).failed
    second = running(hypervisor, web, live)

    for made, verbs in ((first, ["define", "detach"]), (second, ["detach"])):
        assert [action.verb.name for action in made.actions] == verbs
        assert made.actions[-1].definition.get("source/@file") == "/nowhere/a.img"
        assert [(c.path, c.old) for c in made.pending[KEY]] == [("devices/disk[vda]/target/@dev", "vdb")]


def test_source_in_use_by_another_disk_is_not_attached_twice(hypervisor: Embedded) -> None:
    hypervisor.clear()
    was = spec(disks=[{**A, "target": "vda"}])
    web = spec(disks=[{**B, "target": "vda"}, {**A, "target": "vdb"}])
    shared = spec(disks=[{**B, "target": "vda"}, {**A, "target": "vdb", "shareable": True}])
    assert not hypervisor.apply(was, hypervisor.plan(was)).failed
    live = the(hypervisor).xml

    assert [action.verb.name for action in running(hypervisor, web, live).actions] == ["define"]
    assert [action.verb.name for action in running(hypervisor, shared, live).actions] == ["define", "attach"]


def test_adopted_running_guest_is_matched_before_its_new_aliases_are_in_effect(hypervisor: Embedded) -> None:
    hypervisor.clear()
    nic = f"<interface type='user'><mac address='{MAC}'/><model type='virtio'/></interface>"
    hypervisor.define(
        "<domain type='qemu'><name>same</name><memory>65536</memory><os><type machine='q35'>hvm</type></os><devices>"
        "<disk type='file' device='disk'><source file='/nowhere/same-root.img'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><source file='/nowhere/12345.img'/><target dev='vdb' bus='virtio'/></disk>"
        "<disk type='file' device='disk'><source file='/nowhere/seen.img'/><target dev='sda' bus='scsi'/></disk>"
        "<disk type='file' device='disk'><source file='/nowhere/unseen.img'/><target dev='sdb' bus='scsi'/>"
        "<serial>7</serial></disk><disk type='file' device='cdrom'><target dev='sdc' bus='sata'/></disk>"
        f"{nic}{nic.replace(MAC, OTHER)}<filesystem><source dir='/srv'/><target dir='srv/www'/></filesystem>"
        "</devices></domain>"
    )
    live = the(hypervisor).xml

    fields = KIND.adopt(the(hypervisor))
    web = make_desired("same", {**fields, "adopt": True, "state": "any"})
    first = hypervisor.plan(web)
    report = hypervisor.apply(web, first)
    second = running(hypervisor, web, live)

    # A SCSI disk without a serial number shows its alias to the guest.
    assert [d.get("name") for d in fields["disks"]] == ["root", "disk", None, "unseen", "cdrom"]
    assert [nic["name"] for nic in fields["interfaces"]] == ["nic", "nic-2"]
    (share,) = fields["filesystems"]
    assert 'dir="srv/www"/><alias name="ua-www"/>' in share["xml"]
    assert [action.verb.name for action in first.actions] == ["own"]
    assert not report.failed
    assert (second.actions, second.held, dict(second.pending)) == ((), (), {})
    assert the(hypervisor).xml.count("<alias name='ua-") == 7


@pytest.mark.parametrize(
    "more",
    ["<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-S'/></commandline>"],
)
def test_devices_are_not_named_if_other_elements_may_refer_to_their_aliases(
    hypervisor: Embedded, more: str
) -> None:
    hypervisor.clear()
    xml = (
        "<domain type='qemu'><name>same</name><memory>65536</memory><os><type machine='q35'>hvm</type></os><devices>"
        "<disk type='file' device='disk'><source file='/nowhere/a.img'/><target dev='vda' bus='virtio'/></disk>"
        f"</devices>{more}</domain>"
    )
    hypervisor.define(xml)

    assert "name" not in KIND.adopt(the(hypervisor))["disks"][0]
