"""
Define what the planner must know of a kind.

Planning imports no kind; any object with these attributes is a kind.
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
    """A kind, as seen by the planner; see `kvmreconcile.kinds.kind.Kind` for the attributes."""

    @property
    def name(self) -> str:
        """The name of the kind, for users and in keys."""
        ...

    @property
    def root(self) -> str:
        """Root element of its XML."""
        ...

    @property
    def rules(self) -> Rules:
        """The rules of its XML."""
        ...

    @property
    def prune(self) -> Prune:
        """What happens by default to an object without a spec."""
        ...

    @property
    def has_ownership_mark(self) -> bool:
        """Whether libvirt keeps metadata in such objects, and so the ownership mark."""
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
    def one_host(self) -> bool:
        """Whether an object must not exist on several hosts."""
        ...

    @property
    def commands(self) -> Templates:
        """Commands of an administrator about an object, for messages."""
        ...

    @property
    def data(self) -> Data | None:
        """How others name objects that hold data, None for a kind whose objects hold none."""
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
        """Return the location where a definition stores the contents of the object, "" if it has none."""
        ...

    def find_problems(self, definition: Node, /) -> Iterable[DefinitionProblem]:
        """Yield problems of a definition, or of a part of one, that exist on every host."""
        ...

    def notes(self, whole: Node, /) -> Iterable[str]:
        """Yield warnings about a new definition, for users."""
        ...

    def cost(self, removal: Removal, /) -> Cost:
        """Return what removing an object costs, and what is kept."""

    def describe(self, part: Node, rule: str, observed: Observation, /) -> str:
        """Describe what a running object loses with a part: its connection and size."""
        ...

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        """Fill in the parts of a proposed definition that depend on its surroundings."""
        ...
