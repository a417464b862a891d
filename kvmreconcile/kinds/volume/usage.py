"""
Where a volume is used: in a domain's definition, or as what another volume builds on.

Separate from the driver because it is pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.model import Key, Lookup
from kvmreconcile.tree import Node

_POOLS = "StoragePool"
_VOLUMES = "Volume"
_VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Place:
    """A volume, by all that others may call it."""

    pool: str
    name: str
    path: str


def names(key: Key, lookup: Lookup) -> Iterator[str]:
    """
    Yield the names by which definitions may refer to a volume: that of its pool and its own, and its path.

    The path is the one that libvirt gives volumes of such a pool, whether or not this one exists.
    """
    pool, _, name = key.name.partition("/")
    yield _pair(pool, name)
    tree = lookup(Key(_POOLS, pool))
    # Volumes on a network have no directory: an RBD image is "pool/image".
    place = (tree.get("target/path") or tree.get("source/name")) if tree else None
    if place:
        yield f"{place}/{name}"


def named(tree: Node) -> Iterator[str]:
    """
    Yield every name that a definition refers to: in a disk, its backing files, a kernel, firmware.

    Of a volume this is the volume that it is built on, and not the volume itself.
    """
    backing = tree.child("backingStore")
    if tree.tag != _VOLUME:
        yield from _all_names(tree)
    elif backing is not None:
        yield from _all_names(backing)


def _all_names(node: Node) -> Iterator[str]:
    # Every name of a volume has a slash; what has none need not be kept.
    yield from (value for value in (node.text, *(value for _, value in node.attrs)) if "/" in value)
    pool, volume = node.attr("pool"), node.attr("volume")
    if pool and volume:
        yield _pair(pool, volume)
    for child in node.children:
        yield from _all_names(child)


def _pair(pool: str, name: str) -> str:
    return str(Key(_VOLUMES, f"{pool}/{name}"))


def refers_to(tree: Node, place: Place) -> bool:
    """Tell whether a definition names a volume anywhere: a disk, its backing files, a kernel, firmware."""
    sought = {place.path, _pair(place.pool, place.name)}
    return any(name in sought for name in named(tree))


def disks(domain: Node, place: Place) -> Iterator[str]:
    """Yield the targets ("vda") of the disks whose topmost image is the volume."""
    for disk in domain.all("devices/disk"):
        source, target = disk.child("source"), disk.get("target/@dev")
        bare = Node("source", source.attrs) if source else Node("source")
        if target and refers_to(bare, place):
            yield target
