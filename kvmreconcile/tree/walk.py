"""Iterate over the elements of a tree with their paths."""

from collections import Counter
from collections.abc import Iterator

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.paths import under


def numbered(node: Node, path: str = "", place: str = "") -> Iterator[tuple[str, str, Node]]:
    """Yield (path without positions, XPath with positions, node) for an element and all its descendants."""
    yield path, place, node
    counts: Counter[str] = Counter()
    for child in node.children:
        counts[child.tag] += 1
        inside = f"{place}/{child.tag}[{counts[child.tag]}]".lstrip("/")
        yield from numbered(child, under(path, child.tag), inside)
