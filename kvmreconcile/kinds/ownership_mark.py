"""Read and write the ownership mark in an object's metadata."""

from dataclasses import replace

from kvmreconcile.model import OwnershipMark
from kvmreconcile.tree import Node, make

URI = "urn:kvmreconcile:1"
PREFIX = "kvmreconcile"
TAG = f"{{{URI}}}owner"
RULE = f"metadata/{URI}:owner"
"""The mark's path in rules. Kinds ignore the path, since specs do not contain the mark."""


def mark_element(ownership_mark: OwnershipMark) -> Node:
    """Return the ownership mark as an element."""
    mark = make(
        TAG, {"instance": ownership_mark.instance, "key": ownership_mark.key, "uuid": ownership_mark.uuid}
    )
    return replace(mark, prefix=PREFIX)


def with_mark(tree: Node, ownership_mark: OwnershipMark) -> Node:
    """Return a definition with the ownership mark. Other metadata is kept."""
    if read_mark(tree) == ownership_mark:
        return tree
    metadata = tree.child("metadata") or Node("metadata")
    others = tuple(c for c in metadata.children if c.tag != TAG)
    marked = replace(metadata, children=(*others, mark_element(ownership_mark)))
    rest = tuple(c for c in tree.children if c is not metadata)
    return replace(tree, children=(*rest, marked))


def read_mark(tree: Node) -> OwnershipMark | None:
    """Return the ownership mark of a definition; None if it has none."""
    metadata = tree.child("metadata")
    mark = metadata.child(TAG) if metadata else None
    if mark is None:
        return None
    return OwnershipMark(mark.attr("instance") or "", mark.attr("key") or "", mark.attr("uuid") or "")


def without_mark(tree: Node) -> Node:
    """
    Return a definition without the ownership mark.

    A `<metadata>` element that becomes empty is removed.
    """
    metadata = tree.child("metadata")
    if metadata is None:
        return tree
    left = replace(metadata, children=tuple(c for c in metadata.children if c.tag != TAG))
    others = tuple(c for c in tree.children if c is not metadata)
    return replace(tree, children=others if left.is_empty() else (*others, left))
