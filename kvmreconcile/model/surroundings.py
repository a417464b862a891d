"""Define the context in which a definition is completed and rules are applied."""

from collections.abc import Callable
from dataclasses import dataclass

from kvmreconcile.model.objects import Key, OwnershipMark
from kvmreconcile.tree import Node

Lookup = Callable[[Key], Node | None]
"""Returns the desired or actual definition of another object; None if there is none."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """
    The context in which a proposed definition is completed.

    Attributes:
        uuid: The UUID for a definition without a UUID.
        ownership_mark: The ownership mark to write, if the kind keeps metadata.
        plain: Whether new list members get only libvirt's defaults.
        lookup: Returns the definitions of other objects.
    """

    uuid: str
    ownership_mark: OwnershipMark
    plain: bool
    lookup: Lookup
