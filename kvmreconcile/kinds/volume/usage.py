"""Find references to a volume in the definitions of domains and other volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.model import Key, Lookup
from kvmreconcile.tree import Node

_POOLS = "StoragePool"
_VOLUMES = "Volume"
_VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class VolumeNames:
    """A volume, with all names by which definitions may refer to it."""

    pool: str
    name: str
    path: str


def volume_names(key: Key, lookup: Lookup) -> Iterator[str]:
    """
    Yield the names by which definitions may refer to a volume: "pool/name" and its path.

    The path is computed from the pool, so the volume need not exist.
    """
    pool, _, name = key.name.partition("/")
    yield _pair(pool, name)
    tree = lookup(Key(_POOLS, pool))
    # Volumes on a network have no directory: an RBD image is "pool/image".
    place = (tree.get("target/path") or tree.get("source/name")) if tree else None
    if place:
        yield f"{place}/{name}"


def referenced_names(tree: Node) -> Iterator[str]:
    """
    Yield every name that a definition refers to, such as disks, backing files, kernels and firmware.

    For a volume, these are the names of its backing volume, not its own names.
    """
    backing = tree.child("backingStore")
    if tree.tag != _VOLUME:
        yield from _all_names(tree)
    elif backing is not None:
        yield from _all_names(backing)


def _all_names(node: Node) -> Iterator[str]:
    # Every name of a volume contains a slash, so other values are skipped.
    yield from (value for value in (node.text, *(value for _, value in node.attrs)) if "/" in value)
    pool, volume = node.attr("pool"), node.attr("volume")
    if pool and volume:
        yield _pair(pool, volume)
    for child in node.children:
        yield from _all_names(child)


def _pair(pool: str, name: str) -> str:
    return str(Key(_VOLUMES, f"{pool}/{name}"))


def refers_to(tree: Node, place: VolumeNames) -> bool:
    """Return whether a definition refers to a volume, for example as a disk, backing file, kernel or firmware."""
    sought = {place.path, _pair(place.pool, place.name)}
    return any(name in sought for name in referenced_names(tree))


def find_targets(domain: Node, place: VolumeNames) -> Iterator[str]:
    """Yield the targets (such as "vda") of the disks whose active image is the volume."""
    for disk in domain.all("devices/disk"):
        source, target = disk.child("source"), disk.get("target/@dev")
        bare = Node("source", source.attrs) if source else Node("source")
        if target and refers_to(bare, place):
            yield target
