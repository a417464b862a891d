"""
Describe what a running guest loses with a device: its name, what it is connected to, and how large it is.

A plan shows the device's own XML as well; this is the line that a user reads first. Pure.
"""

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import Observation
from kvmreconcile.tree import Node

_BY_RULE = {rule: describe for section in SECTIONS for rule, describe in section.describe.items()}


def describe(part: Node, rule: str, observed: Observation) -> str:
    """Return a line on a part that leaves a running guest, "" where its definition says enough."""
    found = _BY_RULE.get(rule)
    return f"the guest loses {found(part, observed)}" if found else ""
