"""Check the local image file for a new volume, and compute the volume's definition and size."""

import re
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import get_args

from kvmreconcile.kinds.volume.image import RAW, Image, Unusable, checksum, extents, inspect, open_image
from kvmreconcile.kinds.volume.naming import without_names
from kvmreconcile.kinds.volume.rules import CAPACITY
from kvmreconcile.kinds.volume.spec import Format
from kvmreconcile.model import Content, Obstacle
from kvmreconcile.model.commands import quote
from kvmreconcile.tree import Node, Rules, make, overlay
from kvmreconcile.tree.scalars import print_size

_BYTES = frozenset({RAW, "iso"})
"""Formats in which a guest sees the bytes of the file."""
_QUICK_CHECKSUM = 16 << 20
"""Largest file, in bytes, whose checksum is verified when planning."""
_UNITS = (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))
_METADATA = 256 << 10
"""Size of an empty image of any format but raw; 196 KiB were measured (qcow2)."""
_WRITE_AS_IS = 'to write it as it is, set "source.contentFormat: any" and "format: {}"'
_SET_FORMAT = 'set "format: {}" (and "source.format", where the spec has it)'
"""The two formats must be the same."""
_NOT_WRITTEN = frozenset({"bochs", "cloop", "cow", "dmg"})
"""Formats that qemu-img cannot write; "cow" it cannot read either (since QEMU 2.2)."""


def size_of(tree: Node) -> int | None:
    """Return the capacity of a volume or `<capacity>` element in bytes; None if there is none."""
    capacity = tree if tree.tag == "capacity" else tree.child("capacity")
    return CAPACITY.bytes(capacity.text, capacity.attr("unit")) if capacity else None


def find_content_obstacle(tree: Node, content: Content) -> Obstacle | None:
    """
    Return why a file cannot become the content of a volume; None if it can.

    Args:
        tree: The volume's definition. If it has no format, all formats are accepted.
        content: The file, with its expected checksum.
    """
    try:
        with open_image(content.path, content.below) as file:
            found = examine(file, tree, content)
            if isinstance(found, Obstacle):
                return found
            return (
                find_wrong_checksum(file, content)
                if content.sha256 and found.size <= _QUICK_CHECKSUM
                else None
            )
    except Unusable as error:
        return error.obstacle
    except OSError as error:
        todo = "check its file system (dmesg)"
        return Obstacle(f"cannot read {content.path}: {error.strerror}", todo)


def examine(file: FileIO, tree: Node, content: Content) -> Image | Obstacle:
    """
    Return the properties of an open image file, or why the file cannot become a volume.

    Args:
        tree: The volume's definition. If it has no format, all formats are accepted.
    """
    image, wanted, path = inspect(file, content.path), tree.get("target/format/@type"), content.path
    if not image.size:
        todo = 'fill it, specify another file, or remove "source" from the spec'
        return Obstacle(f"{content.path} is empty", todo)
    is_bytes = wanted in _BYTES
    if is_bytes and (content.any_format or content.sha256):
        image = replace(image, format=RAW, capacity=image.size, external="", damage="")
    elif image.found and not image.found.format:
        todo = _fill_command(image.found.todo, path)
        why = f"{content.path} is {image.found.name}, not a disk image"
        return Obstacle(why, f"{_WRITE_AS_IS.format(wanted)}; or {todo}" if is_bytes else todo)
    elif wanted and (other := _other_format(image, wanted, path)):
        return other
    elif wanted == "iso" and not image.is_disc:
        why = f"{content.path} has neither an ISO 9660 nor a UDF file system"
        todo = f"{_SET_FORMAT.format(RAW)}, or specify a disc image; {_WRITE_AS_IS.format(wanted)}"
        return Obstacle(why, todo)
    return _image_obstacle(image, tree, path) or image


def _other_format(image: Image, wanted: str, path: Path) -> Obstacle | None:
    kind = RAW if wanted == "iso" else wanted
    if image.format == kind:
        return None
    convert = _fill_command(
        f"convert it, and specify the new file: qemu-img convert -f {image.format} -O {kind} FILE NEW", path
    )
    if kind in _NOT_WRITTEN or image.format == "cow":
        convert = f"specify an image of the format {kind}"
    is_usable = image.format in get_args(Format) and image.format != "cow" and not image.external
    todo = f"{_SET_FORMAT.format(image.format)}, or {convert}" if is_usable else convert
    why = f"{image.path} has the format {image.format}, but the volume has the format {wanted}"
    return Obstacle(why, todo)


def _image_obstacle(image: Image, tree: Node, path: Path) -> Obstacle | None:
    """Return why an image of the right format cannot become a volume; None if it can."""
    if image.damage:
        why = f"{image.path} cannot be used as a {image.format} image: {image.damage}"
        return Obstacle(why, _repair(path))
    if image.external:
        todo = _fill_command(
            f"flatten it, and specify the new file: qemu-img convert -O {image.format} FILE NEW", path
        )
        return Obstacle(f"{image.path} depends on {image.external}, which is not copied", todo)
    capacity = size_of(tree)
    if capacity is not None and image.capacity is not None and capacity < image.capacity:
        has, asked = print_size(image.capacity), print_size(capacity)
        why = f"{image.path} has a virtual size of {has}, but the volume only {asked}"
        return Obstacle(why, "increase the capacity of the volume")
    return None


def _repair(path: Path) -> str:
    return _fill_command("download it again, or check it: qemu-img check FILE", path)


def _fill_command(todo: str, path: Path) -> str:
    """
    Return a command with FILE, DIRECTORY and NEW replaced by actual paths.

    FILE is the file, DIRECTORY is its directory, and NEW is a path for a new file.
    """
    places = {"FILE": path, "NEW": f"{path}.new", "DIRECTORY": path.parent}
    return re.sub("|".join(places), lambda found: quote(str(places[found[0]])), todo)


def find_wrong_checksum(file: FileIO, content: Content) -> Obstacle | None:
    """Return an obstacle if a file does not have the checksum in the spec; None otherwise."""
    found = checksum(file) if content.sha256 else ""
    if found == content.sha256.lower():
        return None
    why = f"{content.path} has the SHA-256 {found}, but the spec has {content.sha256}"
    return Obstacle(why, 'fetch it again, or correct "source.checksum.sha256"')


def empty_definition(tree: Node, image: Image) -> Node:
    """
    Return the definition of an empty volume into which an image is copied.

    The format is always raw: the initial data of other formats would remain in the holes of the image.
    libvirt detects the image's format when the pool is refreshed.
    """
    raw = image.format == RAW
    size = max(image.size, size_of(tree) or 0) if raw else image.size
    format_ = tree.get("target/format/@type") if raw else RAW
    target = make("target", children=(make("format", {"type": format_ or RAW}),))
    capacity = make("capacity", {"unit": "bytes"}, str(size))
    allocation = make("allocation", {"unit": "bytes"}, "0")
    definition = (
        without_names(tree).without("target/compat").without("target/features").without("target/clusterSize")
    )
    if not raw or definition.child("allocation") is None:
        definition = overlay(definition, Node(tree.tag, children=(allocation,)), Rules())
    return overlay(definition, Node(tree.tag, children=(capacity, target)), Rules())


def rounded_size(size: int) -> str:
    """
    Return a size in the largest possible unit, rounded to one decimal.

    Args:
        size: The size in bytes.
    """
    unit, factor = next(((u, f) for u, f in _UNITS if size >= f), ("B", 1))
    return f"{size / factor:.1f}".removesuffix(".0") + unit


def needed_bytes(definition: Node, file: FileIO | None = None) -> int:
    """
    Return how many bytes a new volume occupies in a pool of files.

    Args:
        definition: The definition for libvirt.
        file: The open image that is copied into the volume; its holes occupy no space. None for an empty
            volume.
    """
    if (definition.get("target/format/@type") or RAW) not in _BYTES:
        return _METADATA
    size = definition.child("allocation") or definition.child("capacity")
    # libvirt allocates as much as requested, even more than the capacity.
    reserved = (CAPACITY.bytes(size.text, size.attr("unit")) if size else 0) or 0
    if file is None:
        return reserved
    behind = ((max(start, reserved), end) for start, end in extents(file))
    return reserved + sum(max(end - start, 0) for start, end in behind)
