"""
Define the attributes of a kind that the planner uses.

The planner does not import any kind. Any object with these attributes can serve as a kind.
"""

from collections.abc import Iterable
from typing import Protocol

from kvmreconcile.model import (
    Cost,
    Data,
    DefinitionProblem,
    Observation,
    Prune,
    Relocation,
    Removal,
    Surroundings,
    Templates,
)
from kvmreconcile.tree import Node, Rules, Table


class Rulebook(Protocol):
    """
    The attributes of a kind for the planner.

    `kvmreconcile.kinds.kind.Kind` explains them in full.
    """

    @property
    def name(self) -> str:
        """The name of the kind, in messages and keys."""
        ...

    @property
    def root(self) -> str:
        """The root element of the kind's XML."""
        ...

    @property
    def rules(self) -> Rules:
        """The rules for the kind's XML."""
        ...

    @property
    def prune(self) -> Prune:
        """The default treatment of an object without a spec."""
        ...

    @property
    def has_ownership_mark(self) -> bool:
        """Whether libvirt can store the ownership mark in objects of this kind."""
        ...

    @property
    def has_lifecycle(self) -> bool:
        """Whether objects of this kind can be active or inactive."""
        ...

    @property
    def redefines_whole(self) -> bool:
        """Whether storing a definition replaces the whole existing definition."""
        ...

    @property
    def renames(self) -> bool:
        """Whether the driver can rename inactive objects of this kind."""
        ...

    @property
    def one_host(self) -> bool:
        """Whether an object must not exist on several hosts."""
        ...

    @property
    def commands(self) -> Templates:
        """Commands for administrators, to be shown in messages about an object."""
        ...

    @property
    def data(self) -> Data | None:
        """How other objects refer to data of this kind; None for a kind without data."""
        ...

    @property
    def relocation(self) -> Relocation | None:
        """How to handle disk sources that differ from the spec; None for a kind without disks."""
        ...

    @property
    def completing(self) -> str:
        """The verb that completes a new object before its first start; "" if none is needed."""
        ...

    @property
    def incomplete_after(self) -> Table[bool]:
        """Paths where a change makes an object incomplete until its next start."""
        ...

    def place(self, tree: Node, /) -> str:
        """Return where an object with this definition stores its contents, or "" for nowhere."""
        ...

    def find_problems(self, definition: Node, /) -> Iterable[DefinitionProblem]:
        """Yield problems of a definition, or of a part of it, that exist on every host."""
        ...

    def notes(self, whole: Node, /) -> Iterable[str]:
        """Yield warnings for users about a new definition."""
        ...

    def cost(self, removal: Removal, /) -> Cost:
        """Return the effect of a removal, notes about it, and why it must not be made."""

    def describe(self, part: Node, rule: str, observed: Observation, /) -> str:
        """Describe what a running object loses when a part is removed, such as a disk's source."""
        ...

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        """Fill in the parts of a proposed definition that depend on its surroundings."""
        ...
