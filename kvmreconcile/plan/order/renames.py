"""
Recognize objects whose documents were renamed, and rename them instead of creating second ones.

A document without an object, and an object of ours without a document, are one object if both claim the same UUID,
writable disk, or what else proves it by the table of their kind (`Identity.proves`). An object that is off is renamed
where libvirt can do that. All else is held: nothing is created beside it, and nothing is removed. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import (
    Actual,
    Hold,
    HoldReason,
    Key,
    Manual,
    ManualCommands,
    StateReason,
    Unknown,
    World,
    domain_word,
)
from kvmreconcile.plan.compare.cache import Lookups
from kvmreconcile.plan.compare.in_force import proposal
from kvmreconcile.plan.compare.objects import AGAIN, ONCE_IDLE
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.plan.order.identities import Claim, Claimants, claims
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Node, make

Met = Mapping[Key, Claim]
"""Objects that claim what another does, with one claim that both have."""
_RESUMED = ("resume it and shut it down", Manual.SHUT_DOWN)
_OFF: Mapping[StateReason | None, tuple[str, Manual]] = {
    StateReason.PAUSED: _RESUMED,
    StateReason.IO_ERROR: _RESUMED,
    StateReason.WATCHDOG: _RESUMED,
    StateReason.PANIC: ("power it off", Manual.POWER_OFF),
}
"""How an active guest comes to be off, by its state reason, where that is not just a shutdown."""


@dataclass(slots=True)
class Renames:
    """
    The objects whose documents were renamed.

    Attributes:
        formers: By the new name of each that libvirt can rename, the name that it has.
        successors: The same for kinds that libvirt cannot rename.
        drifted: New names that are those of before: another tool has renamed the object.
        blocked: Why an object is neither renamed nor created now.
    """

    formers: dict[Key, Key] = field(default_factory=dict)
    successors: dict[Key, Key] = field(default_factory=dict)
    drifted: set[Key] = field(default_factory=set)
    blocked: dict[Key, HoldReason] = field(default_factory=dict)


def find_renames(world: World, kinds: Rulebooks) -> Renames:
    """Find the objects whose documents were renamed, and what keeps each from being renamed."""
    found = Renames(formers=dict(_unrecorded(world, kinds)))
    new = sorted(find_absent(world))
    for kind in kinds.values():
        if kind.rules.identities.rows:
            _match([key for key in new if key.kind == kind.name], world, kind, found)
    return found


def find_absent(world: World) -> Iterator[Key]:
    """Yield the objects that a spec wants and that do not exist."""
    seen = world.observed
    for key in world.desired:
        if key not in seen.objects and key not in world.frozen and not seen.unobservable_part(key):
            yield key


def _unrecorded(world: World, kinds: Rulebooks) -> Iterator[tuple[Key, Key]]:
    """Yield the new and the former name of each object that was renamed before this was written into the state."""
    for key in world.desired:
        actual = world.observed.actual(key)
        mark = actual.stamp if actual else None
        if actual is None or mark is None or not kinds[key.kind].renames:
            continue
        former = Key.read(mark.key)
        is_free = former not in (key, *world.frozen) and former not in world.observed.objects
        if _is_ours(actual, world) and former.kind == key.kind and is_free and former not in world.desired:
            yield key, former


def _is_ours(actual: Actual, world: World) -> bool:
    """Return whether an object bears our mark, under whatever name, or is remembered by its UUID."""
    mark, known = actual.stamp, world.applied.get(actual.key)
    if mark and mark.uuid == actual.uuid:
        return mark.instance == world.instance
    return known is not None and (known.instance, known.uuid) == (world.instance, actual.uuid)


def _match(new: Iterable[Key], world: World, kind: Rulebook, found: Renames) -> None:
    """Find what of one kind's new objects exists under another name."""
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
            _pair(key, former, world, kind, found)
        elif gone:
            found.blocked[key] = _unclear(key, gone, rivals)
        if still := next((o for o in others if o not in gone), None):
            found.blocked[key] = _still_has(still, others[still])


def _owners(world: World, kind: Rulebook) -> Claimants:
    """Return our objects of a kind, by what proves which one each is: in its definitions, or in what was asked for."""
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
    """Return the objects that have what a new object claims, without those whose own specs still claim it."""
    desired, known, lookup = world.desired[key], world.applied.get(key), Lookups(world).lookup
    tree = _with_uuid(desired.tree, known.uuid if known else desired.uuid)
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
    """Return whether an object has what its spec no longer claims."""
    desired, actual, known = world.desired[owner], world.observed.actual(owner), world.applied.get(owner)
    if actual is None:
        return False
    proposed = proposal(desired, actual, known, kind)
    return not any(claim.meets(other) for other in claims(proposed, kind.rules, Lookups(world).lookup))


def _pair(key: Key, former: Key, world: World, kind: Rulebook, found: Renames) -> None:
    """Record that an object was renamed, and why it is not renamed now."""
    seen = world.observed.objects[former]
    if isinstance(seen, Unknown):
        why = f"it may exist as {former}, which cannot be observed: {seen.why}"
        found.blocked[key] = HoldReason(Hold.UNKNOWN, why, AGAIN)
        return
    if not kind.renames:
        found.successors[key] = former
    else:
        found.formers[key] = former
        found.drifted |= {key} if seen.stamp and seen.stamp.key == str(key) else set()
    obstacle = _obstacle(key, former, seen, world)
    if obstacle is None and kind.renames:
        obstacle = _not_off(key, former, seen, ManualCommands(world.commands, kind.commands))
    if obstacle:
        found.blocked[key] = obstacle


def _obstacle(key: Key, former: Key, seen: Actual, world: World) -> HoldReason | None:
    """Return what keeps an object from being given up under its former name, None if nothing does."""
    if not world.complete or world.frozen:
        why = f"{key} may be {former} under a new name, but "
        why += "a spec has errors, cannot be read or is still being written, or a state record cannot be read"
        todo = "correct what is reported, or finish writing the file; until then nothing is renamed"
        return HoldReason(Hold.INCOMPLETE, why, todo)
    known = _recorded_name(seen)
    if known != key and world.provenance.leaves_out(known):
        source = world.provenance.source_of(known)
        why = f"{key} may be {former} under a new name, but "
        why += f"the source of {former} was not read, or only in part ({source})"
        edit = f"in the spec of {key}, change what both claim"
        todo = f"apply with --prune confirm to have {former} considered; or {edit}"
        return HoldReason(Hold.RENAME, why, todo)
    if unread := world.unread.get(former):
        why = f"{key} may be {former} under a new name; {former}: {unread.why}"
        return HoldReason(Hold.UNREAD, why, unread.todo)
    if stopped := find_suspension(former, world):
        return replace(stopped, detail=f"under its present name {former}, {stopped.detail}")
    return HoldReason(Hold.BUSY, seen.job, ONCE_IDLE) if seen.job else None


def _recorded_name(seen: Actual) -> Key:
    """Return the name by which the state knows an object; another tool may have given it its present name."""
    mark = seen.stamp
    return Key.read(mark.key) if mark and mark.uuid == seen.uuid else seen.key


def _not_off(key: Key, former: Key, seen: Actual, commands: ManualCommands) -> HoldReason | None:
    """Return why libvirt refuses to rename an object, None if it does not (virDomainRename)."""
    back = f'give it the name "{former.name}" in its spec'
    if seen.active:
        how, manual = _OFF.get(seen.state_reason, ("shut it down", Manual.SHUT_DOWN))
        todo = commands.after(f"{back}; or {how}", manual, domain_word(former.name, seen.uuid))
        why = f"{former} is renamed to {key}; libvirt can rename it only while it is off"
        return HoldReason(Hold.RENAME, why, todo)
    if seen.saved:
        why = f"{former} is renamed to {key}, and has a managed save; libvirt can rename it only without one"
        discard = f"{back}; or start it and shut it down; or discard what is saved"
        todo = commands.after(discard, Manual.DISCARD_SAVE, domain_word(former.name, seen.uuid))
        return HoldReason(Hold.RENAME, why, todo)
    return None


def _unclear(key: Key, owners: Met, rivals: Mapping[Key, set[Key]]) -> HoldReason:
    others = sorted({*owners, *(each for owner in owners for each in rivals[owner])} - {key})
    what = ", ".join(sorted({str(claim) for claim in owners.values()}))
    names = " and ".join(map(str, others))
    why = f"it and {names} claim partly the same ({what}); it cannot be determined which object was renamed"
    todo = f"rename one object at a time, or change what the spec of {key} claims"
    return HoldReason(Hold.RENAME, why, todo)


def _still_has(owner: Key, claim: Claim) -> HoldReason:
    todo = f"it continues when {owner} no longer has the {claim}"
    return HoldReason(Hold.CLAIM, f"{owner} still has the {claim}", todo)
