"""
The owner's mark inside an object's own metadata.

Separate because every kind whose metadata libvirt keeps carries the same mark, and pruning reads it.
"""

from dataclasses import replace

from kvmreconcile.model import Stamp
from kvmreconcile.tree import Node, make

URI = "urn:kvmreconcile:1"
PREFIX = "kvmreconcile"
TAG = f"{{{URI}}}owner"
RULE = f"metadata/{URI}:owner"
"""The mark's path in rules: kinds list it as ignored, since it is no wish of a spec."""


def element(stamp: Stamp) -> Node:
    """Return the mark as an element."""
    mark = make(TAG, {"instance": stamp.instance, "key": stamp.key, "uuid": stamp.uuid})
    return replace(mark, prefix=PREFIX)


def stamped(tree: Node, stamp: Stamp) -> Node:
    """Return a definition with the mark in it, whatever else its metadata holds left as it is."""
    if read_stamp(tree) == stamp:
        return tree
    metadata = tree.child("metadata") or Node("metadata")
    others = tuple(c for c in metadata.children if c.tag != TAG)
    marked = replace(metadata, children=(*others, element(stamp)))
    rest = tuple(c for c in tree.children if c is not metadata)
    return replace(tree, children=(*rest, marked))


def read_stamp(tree: Node) -> Stamp | None:
    """Return the mark that a definition carries, None if it has none."""
    metadata = tree.child("metadata")
    mark = metadata.child(TAG) if metadata else None
    if mark is None:
        return None
    return Stamp(mark.attr("instance") or "", mark.attr("key") or "", mark.attr("uuid") or "")


def without_stamp(tree: Node) -> Node:
    """Return a definition without the mark, and without metadata if that is all it held."""
    metadata = tree.child("metadata")
    if metadata is None:
        return tree
    left = replace(metadata, children=tuple(c for c in metadata.children if c.tag != TAG))
    others = tuple(c for c in tree.children if c is not metadata)
    return replace(tree, children=others if left.is_empty() else (*others, left))
