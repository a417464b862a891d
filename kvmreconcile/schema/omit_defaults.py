"""Remove values from an element, and elements that become empty."""

from collections.abc import Iterable
from dataclasses import replace

from kvmreconcile.tree import Node


def replace_rest(node: Node, tags: list[str], old: Node, new: Node) -> Node:
    """
    Replace an element with its rest, or remove it if the rest is empty.

    Args:
        node: The root element.
        tags: The path of the element.
        old: The element.
        new: The rest of the element.
    """
    if not tags:
        return new
    children: list[Node] = []
    for child in node.children:
        left = child
        if child is old and len(tags) == 1:
            left = new
        elif child.tag == tags[0] and len(tags) > 1:
            left = replace_rest(child, tags[1:], old, new)
        if left is child or not left.is_empty():
            children.append(left)
    same = len(children) == len(node.children) and all(
        a is b for a, b in zip(children, node.children, strict=True)
    )
    return node if same else replace(node, children=tuple(children))


def drop_all(node: Node, places: Iterable[str]) -> Node:
    """Remove the values at several places, as `drop` does."""
    for place in places:
        node = drop(node, place)
    return node


def drop(node: Node, path: str) -> Node:
    """Remove the value at a path, and each element on the path that becomes empty."""
    head, _, rest = path.partition("/")
    if not head:
        return replace(node, text="")
    if head.startswith("@"):
        return node.without(path)
    found = node.child(head)
    if found is None:
        return node
    left = drop(found, rest) if rest else replace(found, text="")
    children = tuple(left if c is found else c for c in node.children)
    return replace(node, children=tuple(c for c in children if c is not left or not left.is_empty()))
