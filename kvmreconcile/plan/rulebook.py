"""
What the planner must know of a kind.

Separate so that planning imports no kind: whatever has these attributes can be planned for.
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
    """A kind, as far as planning goes; see `kvmreconcile.kinds.kind.Kind` for the attributes."""

    @property
    def name(self) -> str:
        """How people and keys call the kind."""
        ...

    @property
    def root(self) -> str:
        """The tag of its XML."""
        ...

    @property
    def rules(self) -> Rules:
        """All that the engine must know about it."""
        ...

    @property
    def prune(self) -> Prune:
        """What becomes of an orphan unless configured otherwise."""
        ...

    @property
    def has_ownership_mark(self) -> bool:
        """Whether libvirt keeps our mark in such objects."""
        ...

    @property
    def has_lifecycle(self) -> bool:
        """Whether its objects can be active or inactive."""
        ...

    @property
    def redefines_whole(self) -> bool:
        """Whether a definition is stored as a whole over the one that exists."""
        ...

    @property
    def renames(self) -> bool:
        """Whether the driver has the verb "rename", for an object that is off."""
        ...

    @property
    def commands(self) -> Templates:
        """What an administrator does to an object by commands."""
        ...

    @property
    def data(self) -> Data | None:
        """How objects that hold data are named by others, None if they hold none."""
        ...

    @property
    def relocation(self) -> Relocation | None:
        """How parts keep a source that differs from the spec; None where no part has a source of its own."""
        ...

    @property
    def completing(self) -> str:
        """The verb that completes a new object before it is first started, "" if none is needed."""
        ...

    @property
    def incomplete_after(self) -> Table[bool]:
        """Paths at which a change makes an object incomplete again, until it is started with it."""
        ...

    def place(self, tree: Node, /) -> str:
        """Return where a definition keeps what is in the object, "" if nothing is."""
        ...

    def find_problems(self, definition: Node, /) -> Iterable[DefinitionProblem]:
        """Yield problems of a definition, or of a part of one, that exist on every host."""
        ...

    def notes(self, whole: Node, /) -> Iterable[str]:
        """Tell what people should know of a new definition before it is made."""
        ...

    def cost(self, removal: Removal, /) -> Cost:
        """Tell what the removal of an object costs, and what stays of it."""

    def describe(self, part: Node, rule: str, observed: Observation, /) -> str:
        """Describe what a running object loses with a part: what that is connected to, and how large it is."""
        ...

    def complete(self, proposed: Node, surroundings: Surroundings) -> Node:
        """Fill in what a proposed definition lacks and only its surroundings tell."""
        ...
