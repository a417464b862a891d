"""
What a new volume starts as: whether an image fits, and the empty file it is copied into.

Separate from the driver, as none of it calls libvirt.
"""

from pathlib import Path

from kvmreconcile.errors import Rejected
from kvmreconcile.kinds.volume.image import RAW, Image, inspect
from kvmreconcile.kinds.volume.naming import unnamed
from kvmreconcile.kinds.volume.rules import CAPACITY
from kvmreconcile.model import Key
from kvmreconcile.tree import Node, Rules, make, overlay
from kvmreconcile.tree.scalars import print_size


def size_of(tree: Node) -> int | None:
    """Return the capacity that a volume or its `<capacity>` says, in bytes; None if it says none."""
    capacity = tree if tree.tag == "capacity" else tree.child("capacity")
    return CAPACITY.bytes(capacity.text, capacity.attr("unit")) if capacity else None


def checked(key: Key, tree: Node, path: Path) -> Image:
    """Return what an image says of itself, if the volume can be made of it."""
    image, wanted, capacity = inspect(path), tree.get("target/format/@type") or RAW, size_of(tree)
    kind = RAW if wanted == "iso" else wanted
    if image.format != kind:
        todo = f'say "format: {image.format}", or convert it: qemu-img convert -O {kind} {path} NEW'
        raise Rejected(f"{key}: {path} is of the format {image.format}, and the volume {wanted}; {todo}")
    if image.external:
        todo = f"make it whole: qemu-img convert -O {kind} {path} NEW"
        raise Rejected(f"{key}: {path} needs {image.external}, which would not come along; {todo}")
    if capacity is not None and image.capacity is not None and capacity < image.capacity:
        has, asked = print_size(image.capacity), print_size(capacity)
        raise Rejected(f"{key}: {path} holds {has}, and the volume only {asked}; raise its capacity")
    return image


def receptacle(tree: Node, image: Image) -> Node:
    """
    Return the definition of an empty file into which an image is copied.

    It is raw, whatever the image is: what a format writes into an empty file would shine through the
    holes of the image. libvirt finds the format out when the pool is refreshed.
    """
    raw = image.format == RAW
    size = max(image.size, size_of(tree) or 0) if raw else image.size
    said = tree.get("target/format/@type") if raw else RAW
    target = make("target", children=(make("format", {"type": said or RAW}),))
    capacity = make("capacity", {"unit": "bytes"}, str(size))
    allocation = make("allocation", {"unit": "bytes"}, "0")
    definition = (
        unnamed(tree).without("target/compat").without("target/features").without("target/clusterSize")
    )
    if not raw or definition.child("allocation") is None:
        definition = overlay(definition, Node(tree.tag, children=(allocation,)), Rules())
    return overlay(definition, Node(tree.tag, children=(capacity, target)), Rules())
