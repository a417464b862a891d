"""
Define what the planner must know of a kind.

The planner imports no kind; it can plan for any type with these attributes.
"""

from collections.abc import Iterable
from typing import Protocol

from kvmreconcile.model import (
    Cost,
    Data,
    Mistake,
    Observation,
    Prune,
    Relocation,
    Removal,
    Surroundings,
    Templates,
)
from kvmreconcile.tree import Node, Rules, Table


class Rulebook(Protocol):
    """A kind, as seen by the planner; see `kvmreconcile.kinds.kind.Kind` for the attributes."""

    @property
    def name(self) -> str:
        """Name of the kind in keys and messages."""
        ...

    @property
    def root(self) -> str:
        """Root element of its XML."""
        ...

    @property
    def rules(self) -> Rules:
        """The rules by which definitions are compared."""
        ...

    @property
    def prune(self) -> Prune:
        """What happens to an object without a spec, unless configured otherwise."""
        ...

    @property
    def stamped(self) -> bool:
        """Whether libvirt can store our mark in such objects."""
        ...

    @property
    def has_lifecycle(self) -> bool:
        """Whether its objects can be active or inactive."""
        ...

    @property
    def redefines_whole(self) -> bool:
        """Whether storing a definition replaces the existing one as a whole."""
        ...

    @property
    def renames(self) -> bool:
        """Whether the driver has the verb "rename", for inactive objects."""
        ...

    @property
    def commands(self) -> Templates:
        """The commands by which an administrator changes an object."""
        ...

    @property
    def data(self) -> Data | None:
        """How other objects name the data of such objects, None if they hold none."""
        ...

    @property
    def relocation(self) -> Relocation | None:
        """How parts keep a source that differs from the spec; None if no part has a source."""
        ...

    @property
    def completing(self) -> str:
        """The verb that completes a new object before its first start, "" if none is needed."""
        ...

    @property
    def incomplete_after(self) -> Table[bool]:
        """Paths at which a change makes an object incomplete until it is started with the change."""
        ...

    def place(self, tree: Node, /) -> str:
        """Return the place (a path) where an object keeps its contents, or "" if it has none."""
        ...

    def mistakes(self, definition: Node, /) -> Iterable[Mistake]:
        """Return the errors of a definition, or of a part of one, whatever the host."""
        ...

    def notes(self, whole: Node, /) -> Iterable[str]:
        """Return notes for users about a new definition before it is stored."""
        ...

    def cost(self, removal: Removal, /) -> Cost:
        """Return the cost of removing an object, and what is left of it."""

    def describe(self, part: Node, rule: str, observed: Observation, /) -> str:
        """Describe what a running object loses with a part: what the part is connected to, and its size."""
        ...

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        """Fill in the values of a proposed definition that are derived from other objects."""
        ...
