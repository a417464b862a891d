"""
Describe a device that a running guest loses: its name, its connection and its size.

A plan also shows the device's XML; this is the line that a user reads first. Pure.
"""

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import Observation
from kvmreconcile.tree import Node

_BY_RULE = {rule: describe for section in SECTIONS for rule, describe in section.describe.items()}


def describe(part: Node, rule: str, observed: Observation) -> str:
    """Return a line about a part that is removed from a running guest, "" if its definition is clear enough."""
    found = _BY_RULE.get(rule)
    return f"the guest loses {found(part, observed)}" if found else ""
