"""Define the inputs of planning: the world, the kinds, and the facts known before any comparison."""

from collections.abc import Collection
from dataclasses import dataclass

from kvmreconcile.model import Key, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.order.needs import Needs, Rulebooks, find_needs
from kvmreconcile.plan.probation import Probations, find_probations


@dataclass(frozen=True, slots=True)
class Scene:
    """
    The inputs of a plan.

    Attributes:
        edits: The edits in probation, rolled back or refused.
        leaving: Active objects that are removed before those that take their place.
    """

    world: World
    kinds: Rulebooks
    needs: Needs
    edits: Probations
    cache: ComparisonCache
    leaving: Collection[Key] = frozenset()


def scene_of(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Scene:
    """Return the inputs of a plan for a world."""
    return Scene(world, kinds, find_needs(world, kinds, cache), find_probations(world, kinds), cache)
