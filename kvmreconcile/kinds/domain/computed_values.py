"""
Add computed values to a proposed definition.

A new domain gets a UUID and an ownership mark. A new device gets, for example, a target, a format or a MAC
address. Values of a device are computed once, when the device is new, and then kept. Pure.
"""

from dataclasses import replace

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.ownership_mark import with_mark
from kvmreconcile.model import Surroundings
from kvmreconcile.tree import Node


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return the definition with a UUID, the ownership mark, and computed values for new devices."""
    if proposed.child("uuid") is None:
        proposed = _insert(proposed, Node("uuid", (), surroundings.uuid))
    for section in SECTIONS:
        if section.complete is not None:
            proposed = section.complete(proposed, surroundings)
    return with_mark(proposed, surroundings.ownership_mark)


def _insert(domain: Node, new: Node) -> Node:
    return replace(domain, children=(*domain.children[:1], new, *domain.children[1:]))
