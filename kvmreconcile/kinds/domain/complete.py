"""
What a proposed domain still lacks and only its surroundings tell: names of disks, formats, MAC addresses.

Separate from what the spec says, because these are given once, when a device is new, and then kept. Pure.
"""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from kvmreconcile.kinds.domain.places import placed, targets
from kvmreconcile.kinds.ownership_mark import with_mark
from kvmreconcile.kinds.volume.formats import new_format
from kvmreconcile.model import Key, Lookup, Surroundings
from kvmreconcile.tree import Node, make, overlay, parse
from kvmreconcile.tree.rules import Rules

_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "sd": "sd", "ide": "hd", "fdc": "fd"}
_FORMATS = {"qcow2": "qcow2", "qed": "qed", "vmdk": "vmdk", "vdi": "vdi", "vhdx": "vhdx", "vpc": "vpc"}
_READ_AS = {"iso": "raw"}
"""Formats that have their own name in storage volumes, and that QEMU reads as another format."""
_BLANK = Rules()
_HVM = parse("<domain><os><type>hvm</type></os></domain>")


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return the definition with a UUID, our mark, and all that its new devices need."""
    if proposed.child("uuid") is None:
        proposed = _insert(proposed, Node("uuid", (), surroundings.uuid))
    proposed = _with_ports(proposed)
    if not proposed.get("os/type"):
        proposed = _said(proposed, _HVM)
    devices = proposed.child("devices")
    if devices is not None:
        children = placed(_with_targets(devices.children))
        children = tuple(_with_format(c, surroundings.lookup) for c in children)
        children = _with_macs(children, surroundings.uuid)
        whole = replace(devices, children=children)
        proposed = replace(proposed, children=tuple(whole if c is devices else c for c in proposed.children))
    return with_mark(proposed, surroundings.stamp)


def _insert(domain: Node, new: Node) -> Node:
    return replace(domain, children=(*domain.children[:1], new, *domain.children[1:]))


def _said(node: Node, xml: Node) -> Node:
    return overlay(node, xml, _BLANK)


def _with_ports(domain: Node) -> Node:
    """Give a new guest as many ports as it asks for, in place of those it was born with."""
    devices, slots = domain.child("devices"), domain.get("devices/@slots")
    if devices is None or slots is None:
        return domain
    others = [c for c in devices.children if c.attr("model") != "pcie-root-port"]
    is_express = any(c.attr("model") == "pcie-root" for c in others)
    numbers = range(1, int(slots) + 1) if is_express else ()
    ports = [make("controller", {"type": "pci", "index": str(n), "model": "pcie-root-port"}) for n in numbers]
    room = replace(devices.without("@slots"), children=(*others, *ports))
    return replace(domain, children=tuple(room if c is devices else c for c in domain.children))


def _with_targets(devices: tuple[Node, ...]) -> tuple[Node, ...]:
    """Give each disk without a target the first free one of its bus."""
    taken = {d.get("target/@dev") for d in devices if d.tag == "disk"}
    result: list[Node] = []
    for device in devices:
        if device.tag == "disk" and device.get("target/@dev") is None:
            prefix = _PREFIX.get(device.get("target/@bus") or "virtio", "vd")
            name = next(n for n in targets(prefix) if n not in taken)
            taken.add(name)
            device = _said(device, make("disk", children=(make("target", {"dev": name}),)))  # noqa: PLW2901
        result.append(device)
    return tuple(result)


def _with_format(device: Node, lookup: Lookup) -> Node:
    """Say a disk's format where only its volume or its file's name tells it; libvirt would read it as raw."""
    if device.tag != "disk" or device.get("driver/@type") is not None:
        return device
    pool, volume, file = (device.get(f"source/@{name}") for name in ("pool", "volume", "file"))
    found: str | None = None
    if pool and volume:
        tree = lookup(Key("Volume", f"{pool}/{volume}"))
        kind = tree and (
            tree.get("target/format/@type") or new_format(volume, lookup(Key("StoragePool", pool))) or "raw"
        )
        found = _READ_AS.get(kind, kind) if kind else None
    elif file:
        found = _FORMATS.get(file.rpartition(".")[2], "raw")
    if found is None:
        return device
    driver = make("driver", {"name": "qemu", "type": found})
    return _said(device, make("disk", children=(driver,)))


def _with_macs(devices: tuple[Node, ...], uuid: str) -> tuple[Node, ...]:
    """Give each interface without a MAC address one that a rebuilt guest would be given again."""
    taken = {(d.get("mac/@address") or "").lower() for d in devices if d.tag == "interface"}
    result: list[Node] = []
    for index, device in enumerate(devices):
        if device.tag == "interface" and device.get("mac/@address") is None:
            name = device.get("alias/@name") or str(index)
            mac = next(m for m in _macs(uuid, name) if m not in taken)
            taken.add(mac)
            device = _said(device, make("interface", children=(make("mac", {"address": mac}),)))  # noqa: PLW2901
        result.append(device)
    return tuple(result)


def _macs(uuid: str, name: str) -> Iterable[str]:
    """Yield addresses in QEMU's range, the same ones for the same guest and name."""
    count = 0
    while True:
        digits = sha256(f"{uuid}/{name}/{count}".encode()).hexdigest()
        yield f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"
        count += 1
