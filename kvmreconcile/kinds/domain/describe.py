"""
Describe devices that a running guest loses: name, connection and size.

A plan shows this line first, and then the XML of the device. Pure.
"""

from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.model import Observation
from kvmreconcile.tree import Node

_BY_RULE = {rule: describe for section in SECTIONS for rule, describe in section.describe.items()}


def describe(part: Node, rule: str, observed: Observation) -> str:
    """
    Return a line about a part that is removed from a running guest; "" if there is no description.

    Args:
        rule: Path of the part in the rules.
        observed: The observed objects, for the sizes of volumes.
    """
    found = _BY_RULE.get(rule)
    return f"the guest loses {found(part, observed)}" if found else ""
