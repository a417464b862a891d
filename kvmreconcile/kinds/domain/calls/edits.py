"""Change one value or element of a device, and keep its other running values. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from kvmreconcile.tree import Node


def changed(node: Node, steps: Sequence[str], value: Node | str | None) -> Node:
    """
    Return the element with one of its parts replaced or removed.

    Parts are found only among elements that occur once. Repeated elements of a device are never changed
    while the device runs.

    Args:
        steps: Path of the part in the element.
        value: The new value; None removes the part.
    """
    step, *rest = steps
    if step.startswith("@"):
        left = tuple(a for a in node.attrs if a[0] != step[1:])
        new = ((step[1:], value),) if isinstance(value, str) else ()
        return replace(node, attrs=tuple(sorted((*left, *new))))
    old = node.child(step)
    if rest:
        child: Node | None = changed(old or Node(step), rest, value)
    else:
        child = replace(old or Node(step), text=value) if isinstance(value, str) else value
    others = tuple(c for c in node.children if c is not old)
    return replace(node, children=(*others, child) if child else others)
