"""
Decide which objects without a spec are removed.

An object is removed only if it is in our inventory. If libvirt supports metadata for its kind, the
object must also have our ownership mark.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum

from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Held,
    Hold,
    HoldReason,
    Key,
    Prune,
    Reason,
    Unknown,
    World,
)
from kvmreconcile.plan.compare.objects import ONCE_IDLE, when_observable
from kvmreconcile.plan.compare.ownership import is_proved_ours
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.gate import Limits
from kvmreconcile.plan.gates.limits import excess_removals
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.plan.order.references import references, sort_by_needs
from kvmreconcile.plan.order.users import DataNames, existing_users, wanted_users
from kvmreconcile.plan.orphans import Orphans
from kvmreconcile.plan.removal import removal, removal_facts

_RAISE = 'approve this plan, or raise "limits.maxDelete" and "limits.maxDeleteShare"'


def find_orphans(context: PlanContext, limits: Limits, overrides: Overrides) -> Orphans:
    """Find our objects without a spec. An object precedes the objects that it needs."""
    world, kinds = context.world, context.kinds
    mine = {k: a for k, a in world.applied.items() if a.instance == world.instance and k.kind in kinds}
    gone = {k: a for k, a in mine.items() if _is_gone(k, world, overrides)}
    needs = {k: {n for n, _ in references(a.tree, kinds[k.kind].rules)} for k, a in gone.items()}
    fates = {key: _fate(gone[key], context) for key in reversed(sort_by_needs(needs)[0])}
    found = Orphans(
        vanished=tuple(key for key, fate in fates.items() if fate is _Fate.VANISHED),
        users=_users(gone, context) if gone else {},
        elsewhere=_by_source((key for key, fate in fates.items() if fate is _Fate.ELSEWHERE), world),
    )
    for key in (key for key, fate in fates.items() if fate is _Fate.REMOVED):
        dependents = tuple(sorted(k for k in gone if key in needs[k]))
        found = _with_removal(gone[key], dependents, found, context)
    return _limited(found, mine, limits)


class _Fate(Enum):
    """The treatment of an object without a spec."""

    VANISHED = "it no longer exists, or is no longer ours"
    KEPT = "its kind is never pruned, or it is data that another host or a set may use again"
    ELSEWHERE = "its source was not read"
    REMOVED = "it is removed, or its removal is held"


def _fate(applied: Applied, context: PlanContext) -> _Fate:
    key, world, kind = applied.key, context.world, context.kinds[applied.key.kind]
    actual = world.observed.objects.get(key)
    if actual is None and world.observed.unobservable_part(key) is None:
        return _Fate.VANISHED
    if world.prune.get(key.kind, kind.prune) is Prune.NEVER:
        return _Fate.KEPT
    if isinstance(actual, Actual) and not is_proved_ours(actual, applied, kind):
        return _Fate.VANISHED
    if kind.data and (key in world.elsewhere or world.owners.get(key) in world.present_owners):
        # The other host may use the same storage; a set that grows again uses the data of its members again.
        return _Fate.KEPT
    is_other = key not in world.elsewhere and world.provenance.leaves_out(key)
    return _Fate.ELSEWHERE if is_other else _Fate.REMOVED


def _by_source(keys: Iterable[Key], world: World) -> dict[str, tuple[Key, ...]]:
    found: dict[str, tuple[Key, ...]] = {}
    for key in keys:
        source = str(world.provenance.source_of(key))
        found[source] = (*found.get(source, ()), key)
    return found


def _with_removal(
    applied: Applied, dependents: tuple[Key, ...], found: Orphans, context: PlanContext
) -> Orphans:
    """Return the removals with the removal of one more object, which is allowed or held."""
    key, world, kind = applied.key, context.world, context.kinds[applied.key.kind]
    actual, users = world.observed.objects.get(key), found.users.get(key, set())
    action, kept = removal(applied, removal_facts(key, users, world), kind)
    reason = Reason.MOVED if key in world.elsewhere else action.reason
    action = replace(action, needs=dependents, reason=reason, notes=(*_origin(key, world), *action.notes))
    hold = _hold(action, actual, world) or (kept and replace(kept, action=action))
    caution = _caution(key, world.prune.get(key.kind, kind.prune), world)
    hold = hold or _confirmation(action, caution, users, found, world.elsewhere.get(key, ""))
    if hold:
        return replace(found, held=(*found.held, hold))
    return replace(found, actions=(*found.actions, action))


def _limited(found: Orphans, owned: Collection[Key], limits: Limits) -> Orphans:
    """Return the removals. If there are too many of a kind for one pass, all of these are held."""
    excess = tuple(_excess(found, owned, limits))
    held = {each.action.key for each in excess}
    return found.holding((action for action in found.actions if action.key not in held), excess)


def _excess(result: Orphans, owned: Collection[Key], limits: Limits) -> Iterator[Held]:
    """
    Yield the removals to hold because of a limit.

    These are all removals of a kind that exceeds its limit, and the removals of objects to which
    objects of this kind refer.
    """
    counted = Counter(
        key.kind for key in (*(a.key for a in result.actions), *_delayed(result.held, result.users))
    )
    of = Counter(key.kind for key in owned)
    reasons = excess_removals(counted, of, limits)
    held = set[Key]()
    for action in result.actions:  # Objects that refer to an object precede it.
        staying = sorted(result.users.get(action.key, set()) & held)
        why = reasons.get(action.key.kind) or (
            f"{staying[0]} refers to it and is not removed" if staying else ""
        )
        if why:
            held.add(action.key)
            yield Held(action, Hold.BRAKE, why, _RAISE)


def _origin(key: Key, world: World) -> Iterator[str]:
    """Yield a note with the source of an object, if that source was not read or only in part."""
    if world.provenance.is_elsewhere(key):
        yield f"its source of specs was not read, or only in part: {world.provenance.source_of(key)}"


def _caution(key: Key, prune: Prune, world: World) -> Prune:
    """Return the prune setting for an object. An object from an unread source needs an approval."""
    return Prune.CONFIRM if world.provenance.is_elsewhere(key) else prune


def _delayed(held: Iterable[Held], users: Mapping[Key, set[Key]]) -> set[Key]:
    """
    Return the objects whose removal is held since they or their users are busy or unobservable.

    The limit counts these objects as well.
    """
    delayed: set[Key] = set()
    for each in held:
        if each.hold in (Hold.BUSY, Hold.UNKNOWN) or users.get(each.action.key, set()) & delayed:
            delayed.add(each.action.key)
    return delayed


def _is_gone(key: Key, world: World, overrides: Overrides) -> bool:
    chosen = overrides.only is None or key in overrides.only
    return chosen and key not in world.desired and key not in world.frozen


def _hold(action: Action, actual: Actual | Unknown | None, world: World) -> Held | None:
    """Return the hold of a removal that no approval releases, with the worst reason, or None."""
    if stopped := find_suspension(action.key, world):
        return stopped.on(action)
    if not isinstance(actual, Actual):
        hidden = world.observed.unobservable_part(action.key)
        unknown, todo = actual or hidden, when_observable(actual, hidden)
        return Held(action, Hold.UNKNOWN, unknown.why if unknown else "it cannot be observed now", todo)
    if unread := _unread(action.key, world):
        return unread.on(action)
    if action.policy.protect:
        return Held(action, Hold.PROTECTED, 'its last spec sets "protect: true"', "remove it by hand")
    if actual.job:
        return Held(action, Hold.BUSY, actual.job, ONCE_IDLE)
    return None


def _unread(key: Key, world: World) -> HoldReason | None:
    """Return why an object may still have a spec, or None if it has none for certain."""
    if obstacle := world.unread.get(key):
        return HoldReason(Hold.UNREAD, obstacle.why, obstacle.todo)
    if world.complete and world.desired and not world.frozen:
        return None
    # A spec with errors may be the spec of this object under another name.
    return _incomplete(world)


def _incomplete(world: World) -> HoldReason:
    """Return the hold of all removals while specs or state records are missing or have errors."""
    if not (world.desired or world.frozen):
        todo = "check the path of the specs and fix errors in specs; remove the last managed objects by hand"
        return HoldReason(Hold.INCOMPLETE, "no spec was found or could be read", todo)
    why = "a spec or the state record of an object has errors or cannot be read"
    return HoldReason(Hold.INCOMPLETE, why, "fix the reported errors; until then nothing is removed")


def _confirmation(
    action: Action, prune: Prune, users: set[Key], result: Orphans, elsewhere: str
) -> Held | None:
    """
    Return the hold of a removal that needs an approval or must wait for other removals, or None.

    An object is removed only together with all objects that refer to it.

    Args:
        elsewhere: The other hosts that the object's spec is for; "" if the object has no spec.
    """
    unconfirmed = {h.action.key for h in result.held if h.hold in (Hold.PRUNE, Hold.MOVED)}
    staying = sorted(users - unconfirmed - {a.key for a in result.actions})
    if staying:
        todo = "remove all references to the object"
        return Held(action, Hold.PROTECTED, f"{staying[0]} refers to it", todo)
    if elsewhere:
        release = "approve this plan, which removes it from this host and keeps its data"
        return Held(action, Hold.MOVED, f"its spec now places it on {elsewhere}", release)
    if prune is Prune.CONFIRM or users & unconfirmed:
        return Held(action, Hold.PRUNE, "", "approve this plan")
    return None


def _users(gone: Collection[Key], context: PlanContext) -> dict[Key, set[Key]]:
    """
    Return, by object, the objects that refer to it in their spec or on the host.

    A reference to an object in `gone` may also be the name of its data, such as a path.
    """
    world, kinds = context.world, context.kinds
    names = DataNames(world, kinds, context.cache)
    names.add(gone)
    by_name = (names.users_in_specs(), names.users_on_host())
    result: dict[Key, set[Key]] = {}
    for users in (wanted_users(world, kinds), existing_users(world, kinds), *by_name):
        for target, using in users.items():
            result.setdefault(target, set()).update(using)
    return result
