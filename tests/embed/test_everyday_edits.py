"""Common edits of adopted domains: the plan contains exactly the edit, and libvirt stores it."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from kvmreconcile.cli.yaml_writer import write_document
from kvmreconcile.errors import SpecError
from kvmreconcile.kinds.domain import KIND
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Actual, Key
from kvmreconcile.render import render_text
from kvmreconcile.tree import Node, diff
from tests.embed.embedded import Embedded, files, make_desired

pytestmark = [pytest.mark.figures, pytest.mark.timeout(900), pytest.mark.case("30")]

Fields = dict[str, Any]
SLICES = 4
UNSTABLE = {"console-compat2.xml"}
"""Definitions that libvirt changes when it reads back what it wrote: the console's port here."""
FAILED_SHARE = 0.01
"""How many of the edits may fail, each with a reason."""
MAC = "52:54:00:ed:17:ed"
_SLOT = re.compile(r'(<address\b[^>]*\bslot=")(0x[0-9a-f]+)(")')


@dataclass(frozen=True, slots=True)
class Edit:
    """
    An edit of a spec's fields.

    Attributes:
        make: Changes the fields in place. Returns False if the edit does not apply to the spec.
        rules: The paths in libvirt's XML that the edit may change, including all paths below them.
        devices: By tag, how many devices the edit adds and removes.
    """

    make: Callable[[Fields, Node], bool]
    rules: tuple[str, ...]
    devices: tuple[tuple[str, int], ...] = ()


def _mac(fields: Fields, _: Node) -> bool:
    nic = next((nic for nic in fields.get("interfaces", ()) if "mac" in nic), None)
    if nic is None:
        return False
    nic["mac"] = MAC
    return True


def _address(fields: Fields, domain: Node) -> bool:
    """Move the first device with a PCI address in the spec to a free slot on the same bus."""
    for device in _entries(fields):
        found = _SLOT.search(device.get("xml", ""))
        if (
            found
            and (device.get("type"), device.get("model")) not in _FIXED
            and device.get("type") != "ide"
            and 'type="pci"' in device["xml"]
        ):
            bus = re.search(r'\bbus="([^"]*)"', found[0])
            if bus and int(bus[1], 0) and _is_express(domain):
                # A PCI Express port has only one slot.
                continue
            slot = _free_slot(domain)
            if slot is None:
                return False
            device["xml"] = device["xml"].replace(found[0], f"{found[1]}{slot}{found[3]}", 1)
            return True
    return False


_FIXED = {
    ("usb", "piix3-uhci"),
    ("usb", "ich9-ehci1"),
    ("usb", "ich9-uhci1"),
    ("usb", "ich9-uhci2"),
    ("usb", "ich9-uhci3"),
}
"""Controllers that are a part of the chipset, or sit together in one slot."""


def _is_express(domain: Node) -> bool:
    return any(c.attr("model") == "pcie-root" for c in domain.all("devices/controller"))


def _free_slot(domain: Node) -> str | None:
    devices = domain.child("devices")
    taken = {int(d.get("address/@slot") or "0", 0) for d in devices.children} if devices else set[int]()
    return next((f"0x{slot:02x}" for slot in range(0x1C, 2, -1) if slot not in taken), None)


def _target(fields: Fields, domain: Node) -> bool:
    disk = next((d for d in fields.get("disks", ()) if "target" in d), None)
    if disk is None:
        return False
    taken = {d.get("target/@dev") for d in domain.all("devices/disk")}
    most = "b" if disk["target"].startswith("fd") else "d" if disk["target"].startswith("hd") else "z"
    names = (disk["target"][:2] + chr(n) for n in range(ord("a"), ord(most) + 1))
    name = next((name for name in names if name not in taken), None)
    if name is None:
        return False
    disk["target"] = name
    return True


def _drive(fields: Fields, _: Node) -> bool:
    disks = fields.get("disks", [])
    for disk in disks:
        is_drive = disk.get("device") in ("cdrom", "floppy")
        if (
            is_drive
            and not disk.keys() & {"file", "block", "volume"}
            and "<source" not in disk.get("xml", "")
        ):
            disks.remove(disk)
            return True
    return False


def _add_disk(fields: Fields, _: Node) -> bool:
    fields.setdefault("disks", []).append(
        {"name": "edited", "file": "/nowhere/edited.img", "format": "raw", "bus": "virtio"}
    )
    return True


def _add_nic(fields: Fields, _: Node) -> bool:
    fields.setdefault("interfaces", []).append(
        {"name": "edited-nic", "network": "default", "mac": MAC, "model": "virtio"}
    )
    return True


def _add_sound(fields: Fields, _: Node) -> bool:
    now = fields.get("sound", [])
    fields["sound"] = [*(now if isinstance(now, list) else [now]), "ac97"]
    return True


def _memory(fields: Fields, domain: Node) -> bool:
    if domain.find("cpu/numa") or domain.find("devices/memory") or domain.find("maxMemory"):
        return False
    fields["memory"] = "64GiB"
    return True


def _vcpus(fields: Fields, domain: Node) -> bool:
    if domain.find("cpu/topology") or domain.find("cpu/numa"):
        return False
    now = fields.get("vcpus", 1)
    if isinstance(now, dict):
        now["maximum"] = int(now.get("maximum", 1)) + 1
    else:
        fields["vcpus"] = int(now) + 1
    return True


def _title(fields: Fields, _: Node) -> bool:
    fields["title"] = "edited"
    return True


def _boot(fields: Fields, _: Node) -> bool:
    ordered = [device for device in _entries(fields) if "bootOrder" in device]
    if len(ordered) > 1:
        first, second = ordered[:2]
        first["bootOrder"], second["bootOrder"] = second["bootOrder"], first["bootOrder"]
        return True
    order = fields.get("boot", {}).get("order")
    if order is None:
        return False
    fields["boot"]["order"] = ["network", "hd"] if order != ["network", "hd"] else ["hd"]
    return True


def _entries(fields: Fields) -> Iterator[Fields]:
    for name in ("interfaces", "disks", "hostdevs", "video", "controllers"):
        yield from fields.get(name, ())


EDITS = {
    "MAC address": Edit(_mac, ("devices/interface/mac",)),
    "PCI address": Edit(_address, ("devices/*/address",)),
    "disk's target": Edit(_target, ("devices/disk/target", "devices/disk/address")),
    "drive deleted": Edit(_drive, ("devices/disk",), (("disk", -1),)),
    "disk added": Edit(_add_disk, ("devices/disk",), (("disk", 1),)),
    "NIC added": Edit(_add_nic, ("devices/interface",), (("interface", 1),)),
    "sound card added": Edit(_add_sound, ("devices/sound",), (("sound", 1),)),
    "memory": Edit(_memory, ("memory", "currentMemory")),
    "vCPUs": Edit(_vcpus, ("vcpu", "vcpus")),
    "title": Edit(_title, ("title",)),
    "boot order": Edit(_boot, ("os/boot", "devices/*/boot")),
}


@pytest.fixture(params=range(SLICES))
def sample(request: pytest.FixtureRequest) -> list[Path]:
    """A slice of the corpus, or all of it with --full. Adopting a domain takes long."""
    found = [*files(), *_guests()]
    return found[request.param :: SLICES if request.config.getoption("--full") else SLICES * 8]


def _guests() -> list[Path]:
    """Return the definitions that revealed problems earlier, if they exist beside the corpus."""
    return sorted(Path(os.environ["KVMRECONCILE_CORPUS"]).parent.glob("cases/guests/*.xml"))


def test_adopted_domain_accepts_common_edits(hypervisor: Embedded, sample: list[Path]) -> None:
    made, lines, whole, failed = Counter[str](), [], 0, []
    sample = [file for file in hypervisor.accepted(sample) if file.name not in UNSTABLE]
    for file in sample:
        hypervisor.clear()
        key = hypervisor.define(file.read_text())
        fields = KIND.adopt(_actual(hypervisor, key))
        text = write_document({"spec": fields})
        lines.append(len(text.splitlines()))
        whole += len(fields) <= 7 and "<uuid>" in fields.get("xml", "")
        for name, edit in EDITS.items():
            hypervisor.clear()
            hypervisor.define(file.read_text())
            try:
                made[name] += _edit(hypervisor, key, yaml.safe_load(text)["spec"], edit)
            except (AssertionError, SpecError, ValidationError) as error:
                made[name] += 1
                failed.append(f"{file.name}: {name}: {' '.join(str(error).split())}")
    edits = sum(made.values())
    print(f"\n{len(sample)} definitions, {edits} edits, {len(failed)} failed; {whole} in full; ", end="")
    print(f"lines of a spec: median {sorted(lines)[len(lines) // 2]}, most {max(lines)}")
    print(f"  {', '.join(f'{name} {count}' for name, count in made.items())}")
    print("".join(f"  {line}\n" for line in failed))
    assert len(failed) <= edits * FAILED_SHARE


def _actual(hypervisor: Embedded, key: Key) -> Actual:
    actual = hypervisor.observed().objects[key]
    assert isinstance(actual, Actual)
    return actual


def _edit(hypervisor: Embedded, key: Key, fields: Fields, edit: Edit) -> bool:
    """
    Adopt a domain and edit its spec. Return False if the edit does not apply to the domain.

    Raises:
        AssertionError: The plan or the result does not match the edit.
        SpecError, ValidationError: The edited spec is refused.
    """
    adopted = make_desired(key.name, {**fields, "adopt": True})
    hypervisor.apply(adopted, hypervisor.plan(adopted))
    before = _actual(hypervisor, key).tree
    edited = deepcopy(fields)
    if not edit.make(edited, before):
        return False
    spec = make_desired(key.name, {**edited, "adopt": True})
    todo = hypervisor.plan(spec)
    changes = [change for action in todo.actions for change in action.changes]
    assert changes, f"nothing planned: {render_text(todo, {'Domain': RULES})}"
    astray = [change.path for change in changes if not _is_below(change.rule, edit.rules)]
    assert not astray, f"planned besides: {', '.join(astray)}"
    report = hypervisor.apply(spec, todo)
    assert not report.failed, " ".join(o.error for o in report.outcomes if o.error)
    after = _actual(hypervisor, key).tree
    came, gone = _devices(after) - _devices(before), _devices(before) - _devices(after)
    moved = {tag: came[tag] - gone[tag] for tag in came | gone if tag != "controller"}
    assert moved == dict(edit.devices), f"devices added and removed: {moved}"
    # Controllers of new devices are added with them.
    rules = (*edit.rules, "devices/controller")
    astray = [c.path for c in diff(before, after, RULES) if not _is_below(c.rule, rules)]
    assert not astray, f"changed besides: {', '.join(astray)}"
    assert hypervisor.plan(spec).is_empty, "not in sync afterwards"
    return True


def _is_below(rule: str, roots: tuple[str, ...]) -> bool:
    return any(re.match(root.replace("*", "[^/]+") + "(/|$)", rule) for root in roots)


def _devices(domain: Node) -> Counter[str]:
    devices = domain.child("devices")
    return Counter(child.tag for child in devices.children) if devices else Counter()
