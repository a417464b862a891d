"""
What comparing an object gave, kept from plan to plan.

Separate from comparing, which stays a pure function: its answer is kept with all that it depended on, and used
again only while all of that is still the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Actual, Applied, Blind, Desired, Held, Key, Unknown, World
from kvmreconcile.plan.compare import Compared
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node

Sides = tuple[Actual | Unknown | None, Desired | None]


@dataclass(frozen=True, slots=True)
class View:
    """One object from both sides; `hidden` is what keeps it from being seen."""

    desired: Desired
    actual: Actual | None
    applied: Applied | None
    hidden: Blind | None


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What may be asked about other objects while one is compared, and what of it was."""

    world: World
    asked: dict[Key, Sides] = field(default_factory=dict)

    def lookup(self, key: Key) -> Node | None:
        """Return an object's definition: as it is, else as it is to be, None if there is none."""
        seen, other = self.asked[key] = sides(self.world, key)
        if isinstance(seen, Actual):
            return seen.tree
        return other.tree if other else None


@dataclass(frozen=True, slots=True)
class Found:
    """What comparing an object gave, and what it was made from."""

    view: View
    kind: Rulebook
    instance: str
    asked: Mapping[Key, Sides]
    compared: Compared
    strayed: tuple[Held, ...]

    def holds(self, view: View, kind: Rulebook, world: World) -> bool:
        """Tell whether comparing would give the same again."""
        return (
            self.kind is kind
            and self.instance == world.instance
            and self.view == view
            and all(sides(world, key) == was for key, was in self.asked.items())
        )


def sides(world: World, key: Key) -> Sides:
    """Return an object as it was seen, and as it is wanted."""
    return world.observed.objects.get(key), world.desired.get(key)


def recall(key: Key, view: View, kind: Rulebook, world: World) -> Found | None:
    """Return what comparing an object gave before, None if it might give something else now."""
    found = world.memory.get(key)
    return found if isinstance(found, Found) and found.holds(view, kind, world) else None


def forget_others(world: World) -> None:
    """Keep nothing of objects that no spec wants any more."""
    for key in world.memory.keys() - world.desired.keys():
        del world.memory[key]
