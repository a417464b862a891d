"""
Where a volume is used: in a domain's definition, or as what another volume builds on.

Separate from the driver because it is pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from kvmreconcile.tree import Node


@dataclass(frozen=True, slots=True)
class Place:
    """A volume, by all that others may call it."""

    pool: str
    name: str
    path: str


def mentions(tree: Node, place: Place) -> bool:
    """Tell whether a definition names a volume anywhere: a disk, its backing files, a kernel, firmware."""
    if tree.text == place.path or any(value == place.path for _, value in tree.attrs):
        return True
    if tree.attr("pool") == place.pool and tree.attr("volume") == place.name:
        return True
    return any(mentions(child, place) for child in tree.children)


def disks(domain: Node, place: Place) -> Iterator[str]:
    """Yield the targets ("vda") of the disks whose topmost image is the volume."""
    for disk in domain.all("devices/disk"):
        source, target = disk.child("source"), disk.get("target/@dev")
        bare = Node("source", source.attrs) if source else Node("source")
        if target and mentions(bare, place):
            yield target
