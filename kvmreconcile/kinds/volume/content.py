"""
What a new volume starts as: whether an image fits, how much room it takes, and the empty file it is copied into.

Separate from the driver, as none of it calls libvirt.
"""

import re
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import get_args

from kvmreconcile.kinds.volume.image import RAW, Image, Unusable, checksum, extents, inspect, opened
from kvmreconcile.kinds.volume.naming import unnamed
from kvmreconcile.kinds.volume.rules import CAPACITY
from kvmreconcile.kinds.volume.spec import Format
from kvmreconcile.model import Content, Obstacle
from kvmreconcile.model.commands import quote
from kvmreconcile.tree import Node, Rules, make, overlay
from kvmreconcile.tree.scalars import print_size

_BYTES = frozenset({RAW, "iso"})
"""Formats in which the bytes of a file are those that a guest sees."""
_SMALL = 16 << 20
"""Up to how many bytes a file is read for its checksum before it is needed."""
_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_METADATA = 256 << 10
"""How much an empty image of any format but raw takes; 196 KiB were measured (qcow2)."""
_ANYWAY = 'to write it as it is, set "source.contentFormat: any" and "format: {}"'
_SET_FORMAT = 'set "format: {}" (and "source.format", where the spec has it)'
"""The two must be the same."""
_NOT_WRITTEN = frozenset({"bochs", "cloop", "cow", "dmg"})
"""Formats that qemu-img cannot write; "cow" it cannot read either (since QEMU 2.2)."""


def size_of(tree: Node) -> int | None:
    """Return the capacity that a volume or its `<capacity>` says, in bytes; None if it says none."""
    capacity = tree if tree.tag == "capacity" else tree.child("capacity")
    return CAPACITY.bytes(capacity.text, capacity.attr("unit")) if capacity else None


def unusable(tree: Node, content: Content) -> Obstacle | None:
    """
    Tell what keeps a file from becoming a volume, None if nothing does.

    Args:
        tree: The volume's definition; one without a format may be of any.
    """
    try:
        with opened(content.path, content.below) as file:
            found = examined(file, tree, content)
            if isinstance(found, Obstacle):
                return found
            return wrong_sum(file, content) if content.sha256 and found.size <= _SMALL else None
    except Unusable as error:
        return error.obstacle
    except OSError as error:
        todo = "check the file system that it is on (dmesg)"
        return Obstacle(f"cannot read {content.path}: {error.strerror}", todo)


def examined(file: FileIO, tree: Node, content: Content) -> Image | Obstacle:
    """Return what an open image file says of itself, or what keeps it from becoming a volume."""
    image, wanted, path = inspect(file, content.path), tree.get("target/format/@type"), content.path
    if not image.size:
        todo = 'fill it, name another file, or remove "source" from the spec'
        return Obstacle(f"{content.path} is empty", todo)
    is_bytes = wanted in _BYTES
    if is_bytes and (content.any_format or content.sha256):
        image = replace(image, format=RAW, capacity=image.size, external="", damage="")
    elif image.found and not image.found.format:
        todo = _filled(image.found.todo, path)
        why = f"{content.path} is {image.found.name}, and no disk image"
        return Obstacle(why, f"{_ANYWAY.format(wanted)}; or {todo}" if is_bytes else todo)
    elif wanted and (other := _other_format(image, wanted, path)):
        return other
    elif wanted == "iso" and not image.is_disc:
        why = f"{content.path} has neither an ISO 9660 nor a UDF file system"
        todo = f"{_SET_FORMAT.format(RAW)}, or name a disc image; {_ANYWAY.format(wanted)}"
        return Obstacle(why, todo)
    return _spoilt(image, tree, path) or image


def _other_format(image: Image, wanted: str, path: Path) -> Obstacle | None:
    kind = RAW if wanted == "iso" else wanted
    if image.format == kind:
        return None
    convert = _filled(
        f"convert it and name the new file: qemu-img convert -f {image.format} -O {kind} FILE NEW", path
    )
    if kind in _NOT_WRITTEN or image.format == "cow":
        convert = f"name an image of the format {kind}"
    is_usable = image.format in get_args(Format) and image.format != "cow" and not image.external
    todo = f"{_SET_FORMAT.format(image.format)}, or {convert}" if is_usable else convert
    why = f"{image.path} has the format {image.format}, but the volume has the format {wanted}"
    return Obstacle(why, todo)


def _spoilt(image: Image, tree: Node, path: Path) -> Obstacle | None:
    """Return what keeps an image of the right format from becoming a volume."""
    if image.damage:
        why = f"{image.path} cannot be used as a {image.format} image: {image.damage}"
        return Obstacle(why, _repair(path))
    if image.external:
        todo = _filled(f"flatten it and name the new file: qemu-img convert -O {image.format} FILE NEW", path)
        return Obstacle(f"{image.path} depends on {image.external}, which is not copied", todo)
    capacity = size_of(tree)
    if capacity is not None and image.capacity is not None and capacity < image.capacity:
        has, asked = print_size(image.capacity), print_size(capacity)
        why = f"{image.path} has a virtual size of {has}, and the volume only {asked}"
        return Obstacle(why, "raise the capacity of the volume")
    return None


def _repair(path: Path) -> str:
    return _filled("fetch it again, or see what this says: qemu-img check FILE", path)


def _filled(todo: str, path: Path) -> str:
    """Return the command about a file, with its name, that of its directory, and a name for a file made of it."""
    places = {"FILE": path, "NEW": f"{path}.new", "DIRECTORY": path.parent}
    return re.sub("|".join(places), lambda found: quote(str(places[found[0]])), todo)


def wrong_sum(file: FileIO, content: Content) -> Obstacle | None:
    """Tell that a file does not have the checksum that its spec names; None if it has, or there is none."""
    found = checksum(file) if content.sha256 else ""
    if found == content.sha256.lower():
        return None
    why = f"{content.path} has the SHA-256 {found}, and the spec says {content.sha256}"
    return Obstacle(why, 'fetch it again, or correct "source.checksum.sha256"')


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


def about(size: int) -> str:
    """Return a number of bytes in the largest unit that fits, rounded to a tenth."""
    unit, factor = next(((u, f) for u, f in _UNITS if size >= f), ("B", 1))
    return f"{size / factor:.1f}".removesuffix(".0") + unit


def room_for(definition: Node, file: FileIO | None = None) -> int:
    """
    Return how many bytes a new volume takes of a pool that keeps files.

    Args:
        definition: What libvirt is given.
        file: An open image that is then copied into it; only its data counts, and not the holes.
    """
    if (definition.get("target/format/@type") or RAW) not in _BYTES:
        return _METADATA
    said = definition.child("allocation") or definition.child("capacity")
    # libvirt sets aside what is asked for, be it more than the capacity.
    reserved = (CAPACITY.bytes(said.text, said.attr("unit")) if said else 0) or 0
    if file is None:
        return reserved
    behind = ((max(start, reserved), end) for start, end in extents(file))
    return reserved + sum(max(end - start, 0) for start, end in behind)
