"""
Handle disks whose current source differs from the spec because of a snapshot or a copy.

The current source takes precedence over the source in the spec: the current file contains the guest's
latest writes, which a disk that is moved back to the earlier file would lose. Pure.

Source: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms (`backingStore`)
"""

from collections.abc import Iterator
from dataclasses import replace

from kvmreconcile.kinds.domain.rules import RULES
from kvmreconcile.model import Actual, Desired, DivergedSource, Key, Lookup, Relocation
from kvmreconcile.tree import Change, Node
from kvmreconcile.tree.match import pair
from kvmreconcile.tree.running import link_successors, link_to_desired

_NAMES = ("file", "dev", "dir", "name", "protocol", "pool", "volume")
"""Attributes of `<source>` that identify it."""
_HARD = (None, "disk", "lun")
"""Types of disks that a guest writes to; for removable media the spec's source applies."""


def keep_sources(desired: Desired, actual: Actual, before: Node | None) -> Node:
    """
    Return the tree of a spec in which each hard disk that a snapshot or copy moved has its current source.

    Args:
        before: The tree of the previous spec; None if unknown. A disk whose source was edited since then
            gets the new source. If its data must be copied to the new source, the disk keeps its current
            source until the copy is complete.
    """
    tree = desired.tree
    current = {id(disk): found for disk, found in _moved(desired, _stored(desired, actual, before), before)}
    if not current:
        return tree
    children = tuple(
        _with_current_source(c, current[id(c)]) if id(c) in current else c for c in _devices(tree)
    )
    whole = tuple(replace(c, children=children) if c.tag == "devices" else c for c in tree.children)
    return replace(tree, children=whole)


def find_migrations(desired: Desired, actual: Actual, lookup: Lookup) -> Iterator[Change]:
    """Yield a change of the source for each hard disk whose data must be copied to the volume in its spec."""
    live = _live(desired, actual, None)
    if live is None:
        return
    for disk, found in _moved(desired, live, None):
        if _is_to_be_copied(disk, found, desired, lookup):
            steps = ("devices", f"disk[{_label(disk)}]", "source")
            there = f"{disk.get('source/@pool')}/{disk.get('source/@volume')}"
            yield Change(steps, "devices/disk/source", _path(found, lookup) or "another source", there)


def _is_to_be_copied(disk: Node, found: Node, desired: Desired, lookup: Lookup) -> bool:
    """Return whether a disk's data must be copied to the volume in its spec, and no other block job runs."""
    wanted, mirror = _path(disk, lookup), found.child("mirror")
    is_free = mirror is None or _path(mirror, lookup) == wanted
    is_elsewhere = wanted is not None and wanted not in _chain(found, lookup)
    return _is_migrated(disk, desired) and is_free and is_elsewhere


def _is_migrated(disk: Node, desired: Desired) -> bool:
    """Return whether the spec asks to copy the disk's data when the disk moves to another volume."""
    return desired.policy.live.copies and disk.get("source/@volume") is not None


def find_diverged(
    desired: Desired, actual: Actual, before: Node | None, lookup: Lookup
) -> Iterator[DivergedSource]:
    """
    Yield each hard disk whose current source is not based on the source in its spec.

    Disks that are being migrated are skipped. libvirt reports no backing chains of inactive domains, so
    disks of inactive domains are yielded only if their current source is a known volume.
    """
    definition = _live(desired, actual, before) or actual.tree
    stored = {id(disk) for disk, _ in _moved(desired, _stored(desired, actual, before), before)}
    for disk, found in _moved(desired, definition, before):
        wanted = _path(disk, lookup)
        is_known = actual.live is not None or _volume(found, lookup) is not None
        if actual.live is not None and _is_to_be_copied(disk, found, desired, lookup):
            continue
        if id(disk) in stored and is_known and wanted is not None and wanted not in _chain(found, lookup):
            yield DivergedSource(_label(disk), _path(found, lookup) or "another source", wanted)


def _stored(desired: Desired, actual: Actual, before: Node | None) -> Node:
    """Return the stored definition, with its disks identified by the keys of the spec."""
    return link_successors(actual.tree, before, desired.tree, RULES)


def _live(desired: Desired, actual: Actual, before: Node | None) -> Node | None:
    """Return the running definition, with its disks identified by the keys of the spec; None if inactive."""
    stored = _stored(desired, actual, before)
    return link_to_desired(actual.live, stored, desired.tree, RULES) if actual.live else None


def _moved(desired: Desired, actual: Node, before: Node | None) -> Iterator[tuple[Node, Node]]:
    """
    Yield the hard disks whose source differs from the spec, as pairs: the spec's disk and the actual disk.

    A disk whose source was edited in the spec is skipped, unless its data is copied to the new source.
    """
    wanted, have = _devices(desired.tree), _devices(actual)
    for index, other in pair(have, wanted, "devices", RULES, lambda _have, _want: False).items():
        disk, found = wanted[index], have[other]
        if disk.tag == "disk" and disk.attr("device") in _HARD and disk.child("source"):
            is_elsewhere = found.child("source") is not None and _source(disk) != _source(found)
            is_edited = before is not None and _is_edited(disk, desired.tree, before)
            if is_elsewhere and (not is_edited or _is_migrated(disk, desired)):
                yield disk, found


def _is_edited(disk: Node, desired: Node, before: Node) -> bool:
    wanted, had = _devices(desired), _devices(before)
    pairs = pair(had, wanted, "devices", RULES, lambda _have, _want: False)
    index = next(i for i, child in enumerate(wanted) if child is disk)
    return index in pairs and _source(had[pairs[index]]) != _source(disk)


def _devices(domain: Node) -> tuple[Node, ...]:
    devices = domain.child("devices")
    return devices.children if devices else ()


def _source(disk: Node) -> tuple[str | None, ...]:
    return tuple(disk.get(f"source/@{name}") for name in _NAMES)


def _with_current_source(disk: Node, found: Node) -> Node:
    """Return the spec's disk with the source and format of the actual disk."""
    source = disk.child("source") or Node("source")
    kept = [a for a in source.attrs if a[0] not in _NAMES]
    current = [(name, value) for name in _NAMES if (value := found.get(f"source/@{name}")) is not None]
    moved = replace(source, attrs=tuple(sorted([*kept, *current])))
    children = tuple(_formatted(moved if c is source else c, found) for c in disk.children)
    attrs = dict(disk.attrs) | {"type": found.attr("type") or "file"}
    return replace(disk, attrs=tuple(sorted(attrs.items())), children=children)


def _formatted(child: Node, found: Node) -> Node:
    form = found.get("driver/@type")
    if child.tag != "driver" or child.attr("type") is None or form is None:
        return child
    return replace(child, attrs=tuple(sorted((dict(child.attrs) | {"type": form}).items())))


def _chain(disk: Node, lookup: Lookup) -> Iterator[str | None]:
    """Yield the paths in the backing chain of a disk, as far as libvirt reports it."""
    below = _volume(disk, lookup)
    yield below.get("backingStore/path") if below else None
    link: Node | None = disk
    while link is not None:
        yield _path(link, lookup)
        link = link.child("backingStore")


def _path(disk: Node, lookup: Lookup) -> str | None:
    if disk.get("source/@volume"):
        tree = _volume(disk, lookup)
        return (tree.get("target/path") or _path_to_be(disk, lookup)) if tree else None
    return disk.get("source/@file") or disk.get("source/@dev")


def _path_to_be(disk: Node, lookup: Lookup) -> str | None:
    """Return the future path of a volume that is absent or not observed; None if its pool has no directory."""
    pool = lookup(Key("StoragePool", disk.get("source/@pool") or ""))
    directory = pool.get("target/path") if pool else None
    return f"{directory}/{disk.get('source/@volume')}" if directory else None


def _volume(disk: Node, lookup: Lookup) -> Node | None:
    pool, volume = disk.get("source/@pool"), disk.get("source/@volume")
    return lookup(Key("Volume", f"{pool}/{volume}")) if pool and volume else None


def _label(disk: Node) -> str:
    return (disk.get("alias/@name") or disk.get("target/@dev") or "").removeprefix("ua-")


RELOCATION = Relocation(keep_sources, find_diverged, find_migrations)
