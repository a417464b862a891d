"""
Cache the result of comparing an object from plan to plan, with all inputs of the result.

Comparing stays a pure function: a result is reused only while all inputs are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model import Actual, Applied, Desired, Held, Key, Unknown, Unobservable, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.compare.compare import Compared
from kvmreconcile.plan.order.references import references
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, Ref

Sides = tuple[Actual | Unknown | None, Desired | None]


@dataclass(frozen=True, slots=True)
class View:
    """One object as observed and as desired; `hidden` is the reason why it cannot be observed."""

    desired: Desired
    actual: Actual | None
    applied: Applied | None
    hidden: Unobservable | None


@dataclass(frozen=True, slots=True)
class Lookups:
    """Returns other objects' definitions for a comparison, and records which were read, since the result depends on them."""

    world: World
    asked: dict[Key, Sides] = field(default_factory=dict)

    def lookup(self, key: Key) -> Node | None:
        """Return an object's actual definition, else its desired one, or None if there is neither."""
        seen, other = self.asked[key] = sides(self.world, key)
        if isinstance(seen, Actual):
            return seen.tree
        return other.tree if other else None


@dataclass(frozen=True, slots=True)
class CachedResult:
    """The result of comparing an object, with everything it depended on."""

    view: View
    kind: Rulebook
    instance: str
    asked: Mapping[Key, Sides]
    compared: Compared
    withheld: tuple[Held, ...]

    def holds(self, view: View, kind: Rulebook, world: World) -> bool:
        """Return whether another comparison would have the same result."""
        return (
            self.kind is kind
            and self.instance == world.instance
            and self.view == view
            and all(sides(world, key) == was for key, was in self.asked.items())
        )


def sides(world: World, key: Key) -> Sides:
    """Return an object as observed and as desired."""
    return world.observed.objects.get(key), world.desired.get(key)


@dataclass(frozen=True, slots=True)
class Edges:
    """The references of a spec."""

    tree: Node
    kind: Rulebook
    targets: tuple[tuple[Key, Ref], ...]


def find_cached(view: View, kind: Rulebook, world: World, cache: ComparisonCache) -> CachedResult | None:
    """Return the earlier result for an object, None if comparing might give something else now."""
    memo = cache.get("compared", view.desired.key)
    return memo if isinstance(memo, CachedResult) and memo.holds(view, kind, world) else None


def store_result(memo: CachedResult, cache: ComparisonCache) -> None:
    """Keep a result for the next plan."""
    cache.put("compared", memo.view.desired.key, memo)


def referenced_objects(
    desired: Desired, kind: Rulebook, cache: ComparisonCache
) -> tuple[tuple[Key, Ref], ...]:
    """Return every object that a spec points to, and the row that says so."""
    known = cache.get("edges", desired.key)
    if isinstance(known, Edges) and known.tree is desired.tree and known.kind is kind:
        return known.targets
    targets = tuple(references(desired.tree, kind.rules))
    cache.put("edges", desired.key, Edges(desired.tree, kind, targets))
    return targets
