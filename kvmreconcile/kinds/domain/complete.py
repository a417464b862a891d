"""
Complete a proposed definition with values that depend on its surroundings: disk targets, formats, MAC addresses.

They are set once, when a device is new, and then kept. Pure.
"""

from dataclasses import replace

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.ownership_mark import with_mark
from kvmreconcile.model import Surroundings
from kvmreconcile.tree import Node


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """Return the definition with a UUID, our mark, and the values that its new devices need."""
    if proposed.child("uuid") is None:
        proposed = _insert(proposed, Node("uuid", (), surroundings.uuid))
    for section in SECTIONS:
        if section.complete is not None:
            proposed = section.complete(proposed, surroundings)
    return with_mark(proposed, surroundings.stamp)


def _insert(domain: Node, new: Node) -> Node:
    return replace(domain, children=(*domain.children[:1], new, *domain.children[1:]))
