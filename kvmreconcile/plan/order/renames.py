"""
Recognize objects whose specs were renamed, and rename the objects instead of creating new objects.

A spec without an object and an object of ours without a spec belong together if both have the same
UUID, the same writable disk, or another claim that identifies an object of their kind
(`Identity.proves`). An inactive object is renamed if libvirt supports renames of this kind.
Otherwise the spec is held: nothing is created and nothing is removed. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import (
    Actual,
    Hold,
    HoldReason,
    Key,
    ManualCommands,
    Unknown,
    World,
)
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.compare.in_force import proposal
from kvmreconcile.plan.compare.objects import AGAIN
from kvmreconcile.plan.order.identities import Claim, Claimants, claims
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.rename_holds import (
    Met,
    find_running_hold,
    hold_ambiguous,
    hold_claimed_by,
    obstacle_to,
)
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, make


@dataclass(frozen=True, slots=True)
class Renames:
    """
    The objects whose specs were renamed.

    Attributes:
        formers: The former key by the new key, for kinds that libvirt can rename.
        successors: The former key by the new key, for kinds that libvirt cannot rename.
        drifted: The keys in specs of objects that another tool has renamed.
        blocked: By new key, the hold of an object that is neither renamed nor created now.
    """

    formers: Mapping[Key, Key] = field(default_factory=dict)
    successors: Mapping[Key, Key] = field(default_factory=dict)
    drifted: frozenset[Key] = frozenset()
    blocked: Mapping[Key, HoldReason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Match:
    """
    The match of a new spec with an existing object.

    Attributes:
        key: The key in the spec.
        former: The key of the existing object, None if there is none or it is ambiguous.
        is_drift: Whether another tool has renamed the object.
        hold: Why the object is neither renamed nor created now; None if it is not held.
    """

    key: Key
    former: Key | None = None
    is_drift: bool = False
    hold: HoldReason | None = None


def find_renames(world: World, kinds: Rulebooks) -> Renames:
    """Find the objects whose specs were renamed, and the reasons if they cannot be renamed now."""
    new = sorted(find_absent(world))
    matches = [
        match
        for kind in kinds.values()
        if kind.rules.identities.rows
        for match in _match([key for key in new if key.kind == kind.name], world, kind)
    ]
    named = {match.key: match.former for match in matches if match.former}
    return Renames(
        formers={
            **dict(_unrecorded(world, kinds)),
            **{key: former for key, former in named.items() if kinds[key.kind].renames},
        },
        successors={key: former for key, former in named.items() if not kinds[key.kind].renames},
        drifted=frozenset(match.key for match in matches if match.is_drift),
        blocked={match.key: match.hold for match in matches if match.hold},
    )


def find_absent(world: World) -> Iterator[Key]:
    """Yield the objects with a valid spec that do not exist."""
    seen = world.observed
    for key in world.desired:
        if key not in seen.objects and key not in world.frozen and not seen.unobservable_part(key):
            yield key


def _unrecorded(world: World, kinds: Rulebooks) -> Iterator[tuple[Key, Key]]:
    """Yield the new and the former key of objects whose rename is not yet recorded in the state."""
    for key in world.desired:
        actual = world.observed.actual(key)
        mark = actual.ownership_mark if actual else None
        if actual is None or mark is None or not kinds[key.kind].renames:
            continue
        former = Key.read(mark.key)
        is_free = former not in (key, *world.frozen) and former not in world.observed.objects
        if _is_ours(actual, world) and former.kind == key.kind and is_free and former not in world.desired:
            yield key, former


def _is_ours(actual: Actual, world: World) -> bool:
    """Return whether an object has our mark, with any name, or the UUID of its state record."""
    mark, known = actual.ownership_mark, world.applied.get(actual.key)
    if mark and mark.uuid == actual.uuid:
        return mark.instance == world.instance
    return known is not None and (known.instance, known.uuid) == (world.instance, actual.uuid)


def _match(new: Iterable[Key], world: World, kind: Rulebook) -> Iterator[_Match]:
    """Yield the matches of new specs of one kind with existing objects of another name."""
    met: dict[Key, Met] = {}
    owners: Claimants | None = None
    for key in new:
        owners = owners or _owners(world, kind)
        met[key] = _met(key, owners, world, kind)
    rivals: dict[Key, set[Key]] = defaultdict(set)
    for key, others in met.items():
        for owner in others:
            rivals[owner].add(key)
    for key, others in met.items():
        gone = {owner: claim for owner, claim in others.items() if owner not in world.desired}
        if len(gone) == 1 and all(len(rivals[owner]) == 1 for owner in gone):
            (former,) = gone
            match = _pair(key, former, world, kind)
        else:
            match = _Match(key, hold=hold_ambiguous(key, gone, rivals) if gone else None)
        still = next((o for o in others if o not in gone), None)
        yield replace(match, hold=hold_claimed_by(still, others[still])) if still else match


def _owners(world: World, kind: Rulebook) -> Claimants:
    """
    Return our objects of a kind by the claims that identify them.

    The claims are those of the definitions or, for an unobservable object, of its last spec.
    """
    owners, lookup = Claimants(), Lookups(world).lookup
    for key, seen in world.observed.objects.items():
        if key.kind != kind.name or key in world.frozen:
            continue
        if isinstance(seen, Actual):
            trees = [seen.tree, *filter(None, [seen.live])] if _is_ours(seen, world) else []
        else:
            known = world.applied.get(key)
            trees = [_with_uuid(known.tree, known.uuid)] if known else []
        for tree in trees:
            owners.add(key, (c for c in claims(tree, kind.rules, lookup) if c.row.proves))
    return owners


def _met(key: Key, owners: Claimants, world: World, kind: Rulebook) -> Met:
    """Return the objects that share claims with a new spec, unless their specs keep the claims."""
    desired, known, lookup = world.desired[key], world.applied.get(key), Lookups(world).lookup
    tree = _with_uuid(desired.tree, known.uuid if known else desired.creation.uuid)
    found: dict[Key, Claim] = {}
    for claim in claims(tree, kind.rules, lookup):
        for owner in owners.of(claim):
            if owner not in world.desired or _gives_up(owner, claim, world, kind):
                found.setdefault(owner, claim)
    return found


def _with_uuid(tree: Node, uuid: str) -> Node:
    if not uuid or tree.get("uuid"):
        return tree
    return replace(tree, children=(*tree.children, make("uuid", text=uuid)))


def _gives_up(owner: Key, claim: Claim, world: World, kind: Rulebook) -> bool:
    """Return whether the spec of an object no longer has a claim that the object has."""
    desired, actual, known = world.desired[owner], world.observed.actual(owner), world.applied.get(owner)
    if actual is None:
        return False
    proposed = proposal(desired, actual, known, kind)
    return not any(claim.meets(other) for other in claims(proposed, kind.rules, Lookups(world).lookup))


def _pair(key: Key, former: Key, world: World, kind: Rulebook) -> _Match:
    """Return the match of a renamed object, with the hold if it cannot be renamed now."""
    seen = world.observed.objects[former]
    if isinstance(seen, Unknown):
        why = f"it may exist as {former}, which cannot be observed: {seen.why}"
        return _Match(key, hold=HoldReason(Hold.UNKNOWN, why, AGAIN))
    obstacle = obstacle_to(key, former, seen, world)
    if obstacle is None and kind.renames:
        obstacle = find_running_hold(key, former, seen, ManualCommands(world.commands, kind.commands))
    is_drift = kind.renames and seen.ownership_mark is not None and seen.ownership_mark.key == str(key)
    return _Match(key, former, is_drift, obstacle)
