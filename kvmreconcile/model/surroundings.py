"""Define what rules and new definitions depend on beside the definition itself."""

from collections.abc import Callable
from dataclasses import dataclass

from kvmreconcile.model.objects import Key, OwnershipMark
from kvmreconcile.tree import Node

Lookup = Callable[[Key], Node | None]
"""Returns an object's definition, desired or actual, for rules that depend on other objects."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    What completing a proposed definition depends on, beside the definition.

    Attributes:
        uuid: The UUID for a definition that has none.
        ownership_mark: The ownership mark to write, if the kind keeps metadata.
        plain: Whether new members get libvirt's defaults only.
    """

    uuid: str
    ownership_mark: OwnershipMark
    plain: bool
    lookup: Lookup
