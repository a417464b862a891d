"""
Cache the results of comparisons between plans, each with all its inputs.

A result is reused only while all its inputs are unchanged, so a comparison remains a pure function.
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
    """
    One object as observed and as desired.

    Attributes:
        hidden: Why the object cannot be observed; None if it can be observed.
    """

    desired: Desired
    actual: Actual | None
    applied: Applied | None
    hidden: Unobservable | None


@dataclass(frozen=True, slots=True)
class Lookups:
    """
    Looks up the definitions of other objects for a comparison.

    Attributes:
        asked: The objects that were looked up, as they were. The result of the comparison depends
            on them.
    """

    world: World
    asked: dict[Key, Sides] = field(default_factory=dict)

    def lookup(self, key: Key) -> Node | None:
        """Return an object's actual definition, else its desired definition, else None."""
        seen, other = self.asked[key] = sides(self.world, key)
        if isinstance(seen, Actual):
            return seen.tree
        return other.tree if other else None


@dataclass(frozen=True, slots=True)
class CachedResult:
    """
    The result of comparing an object, with all inputs of the comparison.

    Attributes:
        asked: The other objects that the comparison looked up.
        compared: The result.
        withheld: The parts of the spec that the comparison held.
    """

    view: View
    kind: Rulebook
    instance: str
    asked: Mapping[Key, Sides]
    compared: Compared
    withheld: tuple[Held, ...]

    def holds(self, view: View, kind: Rulebook, world: World) -> bool:
        """Return whether the result is still valid for these inputs."""
        return (
            self.kind is kind
            and self.instance == world.instance
            and self.view == view
            and all(sides(world, key) == was for key, was in self.asked.items())
        )


def sides(world: World, key: Key) -> Sides:
    """Return an object as observed and as desired. Each is None if there is none."""
    return world.observed.objects.get(key), world.desired.get(key)


@dataclass(frozen=True, slots=True)
class Edges:
    """The references of a spec to other objects, cached between plans."""

    tree: Node
    kind: Rulebook
    targets: tuple[tuple[Key, Ref], ...]


def find_cached(view: View, kind: Rulebook, world: World, cache: ComparisonCache) -> CachedResult | None:
    """Return the cached result for an object, or None if there is none or an input has changed."""
    memo = cache.get("compared", view.desired.key)
    return memo if isinstance(memo, CachedResult) and memo.holds(view, kind, world) else None


def store_result(memo: CachedResult, cache: ComparisonCache) -> None:
    """Store a result in the cache for later plans."""
    cache.put("compared", memo.view.desired.key, memo)


def referenced_objects(
    desired: Desired, kind: Rulebook, cache: ComparisonCache
) -> tuple[tuple[Key, Ref], ...]:
    """Return the objects that a spec refers to, each with the table row of the reference."""
    known = cache.get("edges", desired.key)
    if isinstance(known, Edges) and known.tree is desired.tree and known.kind is kind:
        return known.targets
    targets = tuple(references(desired.tree, kind.rules))
    cache.put("edges", desired.key, Edges(desired.tree, kind, targets))
    return targets
