"""
Copy a disk to another volume while the guest runs, and switch the guest to the copy.

A copy may take hours. Each call starts, checks or completes the copy, and QEMU continues it between the
calls.
Source: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainBlockCopy
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import libvirt

from kvmreconcile.errors import Busy, NotFound, NotYet, Rejected, Unsupported
from kvmreconcile.kinds.domain.calls.definitions import find, running, running_part, stored
from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.kinds.volume.usage import refers_to
from kvmreconcile.kinds.volume.users import find_users, names_of_volume
from kvmreconcile.model import Action, Key
from kvmreconcile.tree import Node, locate, make, parse, to_xml
from kvmreconcile.tree.scalars import print_size

_PATIENCE_S = float("inf")
"""No time limit: the duration of a copy depends on the amount of data, and a copy that fails ends by itself."""
_BLANK_BYTES = 1 << 20
_BLANK_SHARE = 4096
"""An empty volume contains only tables of its format, which grow with the size of the volume."""
_KINDS: Mapping[int, tuple[str, str]] = {
    libvirt.VIR_STORAGE_VOL_FILE: ("file", "file"),
    libvirt.VIR_STORAGE_VOL_BLOCK: ("block", "dev"),
}
"""By type of a volume: the type of a disk on the volume, and the attribute of the disk's source."""
_HOW = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB


def _move(virt: libvirt.virConnect, action: Action) -> None:
    """
    Start the copy of a disk. Once disk and copy are identical, switch the guest to the copy.

    Raises:
        NotYet: The copy is in progress.
        Rejected: The volume is in use, too small, or not empty.
    """
    domain = find(virt, action)
    steps, there = action.steps, str(action.changes[0].new)
    pool, _, name = there.partition("/")
    volume = virt.storagePoolLookupByName(pool).storageVolLookupByName(name)
    disk = running_part(domain, steps)
    if not domain.isActive() or disk is None:
        why = "the guest is off, or has no such disk"
        raise NotFound(
            f"{action.key}: {'/'.join(steps)} cannot be moved: {why}; the next pass or apply replans it"
        )
    path, mirror = volume.path(), disk.child("mirror")
    target = disk.get("target/@dev") or ""
    if path not in _paths(disk):
        if mirror is None:
            _check(virt, action, disk, volume)
            domain.blockCopy(target, to_xml(_disk_on(volume)), {}, _HOW)
        elif path not in _paths(mirror):
            raise Busy(f"{action.key}: a block job runs on {target}")
        if mirror is None or mirror.attr("ready") != "yes":
            raise NotYet(
                f"{action.key}: {'/'.join(steps)} is still being copied to Volume/{there}", _PATIENCE_S
            )
        domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
    _store(virt, domain, steps)


def _paths(place: Node) -> tuple[str | None, ...]:
    return place.get("source/@file"), place.get("source/@dev")


def _disk_on(volume: libvirt.virStorageVol) -> Node:
    """Return the element of a disk whose source is the volume."""
    kind = int(volume.info()[0])
    if kind not in _KINDS:
        why = "disks can be copied to file and block volumes only"
        raise Unsupported(f"{volume.path()}: {why}; specify a volume of this type")
    word, attribute = _KINDS[kind]
    form = parse(volume.XMLDesc(0)).get("target/format/@type") or "raw"
    driver = make("driver", {"name": "qemu", "type": form if form in ("qcow2", "qed") else "raw"})
    return make("disk", {"type": word}, children=(driver, make("source", {attribute: volume.path()})))


def _check(virt: libvirt.virConnect, action: Action, disk: Node, volume: libvirt.virStorageVol) -> None:
    """Raise Rejected if the volume is in use, is smaller than the disk, or is not empty."""
    domain = find(virt, action)
    key = Key("Volume", str(action.changes[0].new))
    where, me = names_of_volume(key, volume), str(action.key)
    others = [d for d in running(domain).all("devices/disk") if d != disk]
    mine = [me] if any(refers_to(other, where) for other in others) else []
    user = next((user for user in (*mine, *find_users(virt, where)) if user != me or mine), None)
    if user is not None:
        raise Rejected(f"{action.key}: {user} uses {key}; specify another volume")
    _, size, taken = (int(number) for number in volume.info())
    # libvirt-python's annotations say that the sizes are text; they are numbers.
    info: Any = domain.blockInfo(disk.get("target/@dev") or "")
    if size < info[0]:
        needed = print_size(info[0])
        raise Rejected(
            f"{action.key}: {key} ({print_size(size)}) is smaller than the disk ({needed}); enlarge the volume"
        )
    if taken > _BLANK_BYTES + size // _BLANK_SHARE and not _begins_with_zeroes(virt, volume):
        todo = "specify an empty volume, or recreate this volume empty"
        raise Rejected(
            f"{action.key}: {key} is not empty: it contains data, part of an interrupted copy, or "
            f"preallocated "
            f"qcow2 clusters; {todo}"
        )


def _begins_with_zeroes(virt: libvirt.virConnect, volume: libvirt.virStorageVol) -> bool:
    """
    Return whether the start of a volume contains zeroes only.

    Partition tables and file systems begin there.
    """
    head = bytearray()

    def receive(_stream: libvirt.virStream, data: bytes, _opaque: None) -> int:
        head.extend(data)
        return 0

    stream = virt.newStream(0)
    volume.download(stream, 0, _BLANK_BYTES, 0)
    stream.recvAll(receive, None)
    stream.finish()
    return not any(head)


def _store(virt: libvirt.virConnect, domain: libvirt.virDomain, steps: tuple[str, ...]) -> None:
    """
    Store the disk's new source if libvirt did not.

    Otherwise the next start would use the old volume, which lacks the later writes.
    """
    definition, runs = stored(domain), running_part(domain, steps)
    disk, devices = locate(definition, steps, RULES), definition.child("devices")
    if runs is None or disk is None or devices is None or set(_paths(disk)) == set(_paths(runs)):
        return
    kept = [c for c in disk.children if c.tag not in ("source", "driver", "backingStore")]
    source = make("source", {k: v for k, v in (runs.child("source") or Node("source")).attrs if k != "index"})
    form = replace(
        disk.child("driver") or Node("driver"), attrs=(runs.child("driver") or Node("driver")).attrs
    )
    attrs = tuple(sorted({**dict(disk.attrs), "type": runs.attr("type") or "file"}.items()))
    moved = replace(disk, attrs=attrs, children=(form, source, *kept))
    children = tuple(moved if child is disk else child for child in devices.children)
    whole = replace(devices, children=children)
    children = tuple(whole if child is devices else child for child in definition.children)
    virt.defineXML(to_xml(replace(definition, children=children)))


MIGRATION_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {"move": _move}
"""Functions of the verbs that the planner uses."""
