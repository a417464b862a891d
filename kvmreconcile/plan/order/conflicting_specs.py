"""
Find specs that claim the same exclusive resource, such as a UUID, disk, MAC address or subnet.

If the object of one spec already has the resource, only the other specs are in error. If no object
has it, all these specs are in error. Some resources are exclusive among active objects only.
Several specs may claim such a resource if at most one of their objects should run. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kvmreconcile.errors import Problem
from kvmreconcile.model import Desired, Key, Power, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.order.identities import (
    Claim,
    Claimants,
    Claiming,
    claims,
    claims_of,
    find_claiming,
    show_claim,
)
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.plan.secrets.paths import secret_paths
from kvmreconcile.tree import Node

_IDLE = (Power.STOPPED, None)


@dataclass(frozen=True, slots=True)
class _Claiming:
    """The elements of a spec that claim resources, cached between plans."""

    tree: Node
    kind: Rulebook
    elements: Claiming


@dataclass(frozen=True, slots=True)
class SpecConflicts:
    """
    Specs with conflicting claims.

    Attributes:
        left_out: By object whose spec is in error, the reason.
        problems: The errors as messages for the author of the spec.
        notes: Warnings about values that several specs may share, but perhaps by mistake, such as a
            MAC address on different networks.
    """

    left_out: Mapping[Key, str]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


def find_spec_conflicts(world: World, kinds: Mapping[str, Rulebook], cache: ComparisonCache) -> SpecConflicts:
    """Find specs with conflicting claims, and decide which specs are in error."""
    left_out: dict[Key, str] = {}
    problems: list[Problem] = []
    notes: list[Problem] = []
    for kind in kinds.values():
        if kind.rules.identities.rows:
            claimed = _Claims(kind, world, cache)
            notes += claimed.notes()
            for conflict in claimed.conflicts():
                problems.append(conflict.problem(kind, world))
                if not conflict.has:
                    both = conflict.both(kind, world)
                    left_out.setdefault(
                        conflict.key, f"is left out, because its spec and the spec of {conflict.other} {both}"
                    )
    return SpecConflicts(left_out, tuple(problems), tuple(notes))


@dataclass(frozen=True, slots=True)
class _Conflict:
    """
    A claim of a spec that conflicts with claims of other specs.

    Attributes:
        key: The object of the spec.
        has: Whether this object already has the claimed resource.
        other: The object of one conflicting spec. An object that has the resource is preferred.
        theirs: The claim of `other`.
        count: Number of conflicting specs with the same claim as `other`, including `other`.
        is_taken: Whether the object of another spec already has the resource.
    """

    key: Key
    claim: Claim
    has: bool
    other: Key
    theirs: Claim
    count: int
    is_taken: bool

    def what(self, kind: Rulebook, world: World) -> str:
        """Return the claim as text, without the value if a spec marks the value as secret."""
        return self._shown(self.claim, kind, world)

    def both(self, kind: Rulebook, world: World) -> str:
        """Return the conflict as text that follows the names of the two specs in a message."""
        what = self.what(kind, world)
        if self.theirs.value == self.claim.value:
            return f"have the same {what}"
        return f"have {what} and {self._shown(self.theirs, kind, world)}, which overlap"

    def _shown(self, claim: Claim, kind: Rulebook, world: World) -> str:
        return show_claim(
            claim, kind.rules, (*secret_paths(self.key, world), *secret_paths(self.other, world))
        )

    def problem(self, kind: Rulebook, world: World) -> Problem:
        """Return the conflict as a message for the author of the spec."""
        names = (
            f"{self.key}, {self.other} and {self.count - 1} more"
            if self.count > 1
            else f"{self.key} and {self.other}"
        )
        where = f"{self.other} is at {world.desired[self.other].source_in(self.theirs.place)}"
        what = f"{names} {self.both(kind, world)} ({where})"
        todo = f"give {self.key} its own" if self.is_taken else "give each its own"
        return Problem(str(world.desired[self.key].source_in(self.claim.place)), what, todo)


class _Claims:
    """The claims of the specs of a kind, and the claims of their objects."""

    def __init__(self, kind: Rulebook, world: World, cache: ComparisonCache) -> None:
        self._kind, self._world = kind, world
        self._said = {
            k: _said(d, kind, world, cache) for k, d in world.desired.items() if k.kind == kind.name
        }
        self._claimants = Claimants()
        for key, claimed in self._said.items():
            self._claimants.add(key, claimed)
        self._had: dict[Key, tuple[Claim, ...]] = {}

    def conflicts(self) -> Iterator[_Conflict]:
        """Yield the conflicts that are errors: for each pair of specs the first one."""
        for key, claimed in sorted(self._said.items()):
            met: set[Key] = {key}
            for claim in claimed:
                others = {
                    other: theirs
                    for other, theirs in self._claimants.of(claim).items()
                    if other not in met and (claim.row.always or _both_run(key, other, self._world))
                }
                met |= others.keys()
                having = [other for other, theirs in others.items() if self._has(other, theirs)]
                has = bool(others) and self._has(key, claim)
                if others and (having or not has):
                    other = min(having or others)
                    count = sum(theirs.value == others[other].value for theirs in others.values())
                    yield _Conflict(key, claim, has, other, others[other], count, bool(having))

    def notes(self) -> Iterator[Problem]:
        """Yield warnings about shared values without a conflict, at most one per object."""
        first: dict[tuple[str, str], tuple[Key, Claim]] = {}
        for key, claimed in sorted(self._said.items()):
            for claim in claimed:
                if not claim.scope:
                    continue
                other, theirs = first.setdefault((claim.row.what, claim.value), (key, claim))
                if other != key and theirs.scope != claim.scope:
                    yield self._note(key, claim, other, theirs)
                    break

    def _note(self, key: Key, claim: Claim, other: Key, theirs: Claim) -> Problem:
        desired = self._world.desired
        where = desired[other].source_in(theirs.place)
        conflict = _Conflict(key, claim, has=False, other=other, theirs=theirs, count=1, is_taken=False)
        same = conflict.what(self._kind, self._world)
        what = f"{key} and {other} have the same {same}, but their {claim.row.within} differs"
        todo = "if this is not intended, change one of the values"
        return Problem(str(desired[key].source_in(claim.place)), f"{what} (the other is at {where})", todo)

    def _has(self, key: Key, claim: Claim) -> bool:
        """
        Return whether an object already has the resource that its spec claims.

        The last applied spec counts as well, since a snapshot replaces the file of a disk, and
        since the object may be unobservable.
        """
        if key not in self._had:
            actual, applied = self._world.observed.actual(key), self._world.applied.get(key)
            exists = key in self._world.observed.objects or self._world.observed.unobservable_part(key)
            trees = (
                actual and actual.tree,
                actual and actual.live,
                applied.tree if applied and exists else None,
            )
            lookup = Lookups(self._world).lookup
            self._had[key] = tuple(
                c for tree in trees if tree for c in claims(tree, self._kind.rules, lookup)
            )
        return any(claim.meets(other) for other in self._had[key])


def _said(desired: Desired, kind: Rulebook, world: World, cache: ComparisonCache) -> tuple[Claim, ...]:
    """Return the claims of a spec. The elements that claim resources are cached."""
    known = cache.get("claiming", desired.key)
    if not isinstance(known, _Claiming) or known.tree is not desired.tree or known.kind is not kind:
        known = _Claiming(desired.tree, kind, find_claiming(desired.tree, kind.rules))
        cache.put("claiming", desired.key, known)
    lookup = Lookups(world).lookup
    return tuple(
        claim
        for path, place, element in known.elements
        for claim in claims_of(element, kind.rules, lookup, path, place)
    )


def _both_run(key: Key, other: Key, world: World) -> bool:
    return not any(world.desired[each].power in _IDLE for each in (key, other))
