"""
Find specs that claim what only one object can have: a UUID, a disk, a MAC address, a subnet.

If the object of one of the specs has it already, only the other spec is in error; if neither has it, both are. What
only an active object claims may be in several specs if at most one of their objects is to run. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvmreconcile.errors import Problem
from kvmreconcile.model import Desired, Key, Power, World
from kvmreconcile.plan.identities import Claim, Claimants, Claiming, claiming, claims, claims_of
from kvmreconcile.plan.memory import Lookups
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node

_IDLE = (Power.STOPPED, None)


@dataclass(frozen=True, slots=True)
class _Claiming:
    """The elements of a spec that claim something, cached from plan to plan."""

    tree: Node
    kind: Rulebook
    elements: Claiming


@dataclass(frozen=True, slots=True)
class Clashes:
    """
    Specs with conflicting claims.

    Attributes:
        left_out: Objects whose specs are in error, and why.
        problems: The same as messages for the author of the spec.
    """

    left_out: Mapping[Key, str]
    problems: tuple[Problem, ...]


def find_clashes(world: World, kinds: Mapping[str, Rulebook]) -> Clashes:
    """Find specs with conflicting claims, and tell which of them are in error."""
    left_out: dict[Key, str] = {}
    problems: list[Problem] = []
    for kind in kinds.values():
        if not kind.rules.identities.rows:
            continue
        said = {k: _said(d, kind, world) for k, d in world.desired.items() if k.kind == kind.name}
        claimants = Claimants()
        for key, claimed in said.items():
            claimants.add(key, claimed)
        for key, claimed in sorted(said.items()):
            for claim, other, theirs in _rivals(key, claimed, claimants, world):
                has, has_other = (_has(k, c, kind, world) for k, c in ((key, claim), (other, theirs)))
                if has and not has_other:
                    continue
                what = f"{key} and {other} both have the {claim}"
                where = world.desired[other].source_in(theirs.place)
                todo = "give each its own" if not has_other else f"give {key} its own"
                problems.append(
                    Problem(
                        str(world.desired[key].source_in(claim.place)),
                        f"{what} (the other is at {where})",
                        todo,
                    )
                )
                if not has:
                    left_out.setdefault(key, f"has the {claim} of {other}")
    return Clashes(left_out, tuple(problems))


def _said(desired: Desired, kind: Rulebook, world: World) -> tuple[Claim, ...]:
    """Return what a spec claims. Finding the elements takes longest, and is cached for each spec."""
    known = world.memory.get(("claiming", desired.key))
    if not isinstance(known, _Claiming) or known.tree is not desired.tree or known.kind is not kind:
        known = _Claiming(desired.tree, kind, claiming(desired.tree, kind.rules))
        world.memory["claiming", desired.key] = known
    lookup = Lookups(world).lookup
    return tuple(
        claim
        for path, place, element in known.elements
        for claim in claims_of(element, kind.rules, lookup, path, place)
    )


def _rivals(
    key: Key, claimed: Sequence[Claim], claimants: Claimants, world: World
) -> Iterator[tuple[Claim, Key, Claim]]:
    """Yield the specs with a conflicting claim, each once with the first such claim."""
    met: set[Key] = {key}
    for claim in claimed:
        for other, theirs in claimants.of(claim).items():
            if other not in met and (claim.row.always or _both_run(key, other, world)):
                met.add(other)
                yield claim, other, theirs


def _both_run(key: Key, other: Key, world: World) -> bool:
    return not any(world.desired[each].power in _IDLE for each in (key, other))


def _has(key: Key, claim: Claim, kind: Rulebook, world: World) -> bool:
    """Tell whether an object has what its spec claims."""
    actual, lookup = world.observed.actual(key), Lookups(world).lookup
    trees = (actual.tree, actual.live) if actual else ()
    return any(claim.meets(c) for tree in trees if tree for c in claims(tree, kind.rules, lookup))
