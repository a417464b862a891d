"""Define the context of a plan: the world, the kinds, and values computed once from them."""

from collections.abc import Collection
from dataclasses import dataclass

from kvmreconcile.model import Key, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.order.needs import Needs, Rulebooks, find_needs
from kvmreconcile.plan.probation import Probations, find_probations


@dataclass(frozen=True, slots=True)
class PlanContext:
    """
    The context of a plan: its inputs, and values computed once from them.

    Attributes:
        edits: The recorded edits that are in probation, were rolled back or were refused.
        leaving: Active objects that are removed before the objects that replace them.
    """

    world: World
    kinds: Rulebooks
    needs: Needs
    edits: Probations
    cache: ComparisonCache
    leaving: Collection[Key] = frozenset()


def make_context(world: World, kinds: Rulebooks, cache: ComparisonCache) -> PlanContext:
    """Return the context of a plan for the given world."""
    return PlanContext(world, kinds, find_needs(world, kinds, cache), find_probations(world, kinds), cache)
