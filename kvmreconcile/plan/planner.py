"""
The whole host: from a world to a plan. Pure and total.

Separate from looking at one object, because only here is decided what of all that is found may be done.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key, Plan, World
from kvmreconcile.model.verbs import DEFINE, RESTART, START
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.compare.objects import Findings, look, once_seen
from kvmreconcile.plan.compare.ownership import placeholder
from kvmreconcile.plan.gates.gate import Gate
from kvmreconcile.plan.gates.groups import hold_group_members
from kvmreconcile.plan.gates.invalid import invalid, refused
from kvmreconcile.plan.gates.left_behind import left_behind
from kvmreconcile.plan.gates.limits import Limits, braked
from kvmreconcile.plan.gates.lost_data import Losses, find_lost
from kvmreconcile.plan.gates.occupied import hold_claimed
from kvmreconcile.plan.gates.policy import Case, Overrides, digest_of, judge, overridden
from kvmreconcile.plan.gates.refused_edits import is_over, withheld
from kvmreconcile.plan.gates.rollout import held_back, hold_rollout
from kvmreconcile.plan.gates.settle import announced, hold_unsettled, settle_removals
from kvmreconcile.plan.gates.unconfirmed import unobservable
from kvmreconcile.plan.gates.unproved_data import hold_without_data, reports
from kvmreconcile.plan.gates.unready import unready
from kvmreconcile.plan.gates.unsupported import unsupported
from kvmreconcile.plan.order.needs import Needs, Rulebooks
from kvmreconcile.plan.order.renames import find_renames
from kvmreconcile.plan.order.renaming import rename_first, renamed
from kvmreconcile.plan.order.starts import order_starts, seen_through
from kvmreconcile.plan.order.succession import Succession
from kvmreconcile.plan.order.swaps import blocked as swapped
from kvmreconcile.plan.order.swaps import find_swaps
from kvmreconcile.plan.probation import Probations, taking_back
from kvmreconcile.plan.prune import Orphans, orphans
from kvmreconcile.plan.scene import Scene, scene_of
from kvmreconcile.plan.secrets.paths import without_secrets
from kvmreconcile.tree import Change


def plan(
    world: World,
    kinds: Rulebooks,
    overrides: Overrides | None = None,
    limits: Limits | None = None,
    cache: ComparisonCache | None = None,
) -> Plan:
    """
    Say what would be done to bring the host to what the specs ask, and what is withheld.

    Args:
        overrides: What the caller says over the specs; None for nothing.
        limits: The brakes of the whole host; None for the shipped ones.
        cache: What earlier plans have compared; None to compare everything.
    """
    overrides, limits = overrides or Overrides(), limits or Limits()
    world = replace(world, desired=overridden(world.desired, overrides))
    cache = ComparisonCache() if cache is None else cache
    cache.keep_only(world.desired.keys() | world.observed.objects.keys())
    renames = find_renames(world, kinds)
    world = renamed(world, renames.formers)
    scene = scene_of(world, kinds, cache)
    needs, edits = scene.needs, scene.edits
    found = _looked(scene, edits, overrides)
    for key in _chosen(needs, overrides):
        rename_first(key, renames, world, kinds[key.kind], found)
    found.unusable |= dict(unsupported(found.steps, scene)) | dict(invalid(found.steps, scene))
    found.unusable |= dict(unobservable(found.steps, scene))
    swaps = find_swaps(world, kinds, needs, found)
    found.withheld |= dict(left_behind(found.steps, scene)) | dict(refused(found.steps, scene))
    again = _again(edits, scene, found)
    for each in (found, again):
        each.steps = {k: announced(s, world, kinds[k.kind]) if s else s for k, s in each.steps.items()}
    gone = orphans(scene, limits, overrides)
    digest = _digest(found, again, gone)
    approved = overrides.approved == digest
    found.unusable |= dict(unready(world, approved=approved))
    if approved:
        found.take(again)
        gone.release()
    else:
        settle_removals(gone, world, limits.settle_s)
    succession = Succession(renames, gone, world, kinds)
    found.blocked |= dict(succession.blocked()) | renames.blocked
    found.blocked |= dict(swapped(swaps, world, approved=approved))
    is_overridden = overrides.max_effect is not None
    case = Case(world.now, approved=approved, at_rest=False, is_overridden=is_overridden)
    actions, held = _judged(found, needs, dict(_absent(world, needs, overrides)), case)
    gated = replace(scene, leaving=succession.leaving)
    actions, waiting = _through_gates(actions, gated, None if approved else limits)
    held += waiting
    pending = _stored(found.pending, actions, held)
    held += () if approved else _held_again(again, edits)
    actions = list(seen_through(actions, world, edits.tried - pending.keys()))
    reported = [h for h in reports(actions, scene) if _is_chosen(h.action.key, overrides)]
    unsound = again.steps.keys() | {h.action.key for h in reported}
    succession.order_removals(actions)
    over = frozenset(_over(world, edits, kinds, found, again))
    made = Plan(
        actions=succession.with_removals(needs.waiting(actions)),
        held=(*found.held, *held, *reported, *gone.held),
        pending=pending,
        in_sync=tuple(key for key in found.in_sync if key not in unsound),
        records=(*dict.fromkeys((*found.records, *over)), *gone.vanished),
        problems=needs.problems,
        notes=(*world.notes, *needs.notes),
        instead={
            k: d for k, d in edits.back.items() if k not in over and not (approved and k in again.steps)
        },
        digest=digest,
        lost=world.lost,
        elsewhere={name: tuple(sorted(keys)) for name, keys in gone.elsewhere.items()},
        crashes=found.crashes,
    )
    return without_secrets(made, world)


def _looked(scene: Scene, edits: Probations, overrides: Overrides) -> Findings:
    """Compare all objects that were asked for, and find what holds their steps until the plan is approved."""
    losses = Losses(find_lost(scene), scene)
    found = Findings(missing=losses.lost)
    desired = {**scene.world.desired, **edits.back}
    interim = replace(scene, world=replace(scene.world, desired=desired))
    for key in _chosen(scene.needs, overrides):
        try:
            look(key, interim, found)
        except Exception as error:  # noqa: BLE001  a bug costs one object, and not all that there are
            found.crash(desired[key], error)
    found.withheld |= losses.held(found.steps)
    steps = losses.at_their_cost(found.steps)
    found.steps = {k: taking_back(each) if k in edits.failed else each for k, each in steps.items()}
    return found


def _chosen(needs: Needs, overrides: Overrides) -> Iterator[Key]:
    yield from (key for key in needs.sequence if _is_chosen(key, overrides))


def _is_chosen(key: Key, overrides: Overrides) -> bool:
    return overrides.only is None or key in overrides.only


def _digest(found: Findings, again: Findings, gone: Orphans) -> str:
    every = [a for steps in (*found.steps.values(), *again.steps.values()) for a in steps]
    return digest_of([*every, *gone.actions, *(h.action for h in (*found.held, *gone.held))])


def _limit_gate(
    actions: Sequence[Action], scene: Scene, limits: Limits | None
) -> tuple[list[Action], list[Held]]:
    """Hold the steps of which there are too many. An approval opens this gate."""
    return braked(actions, scene.world, scene.kinds, limits) if limits else (list(actions), [])


GATES: tuple[Gate, ...] = (
    hold_unsettled,
    hold_rollout,
    hold_group_members,
    _limit_gate,
    hold_without_data,
    hold_claimed,
    order_starts,
)
"""What may hold steps because of other objects or of the whole host, in this order: each sees what the ones before let pass."""


def _through_gates(
    actions: Sequence[Action], scene: Scene, limits: Limits | None
) -> tuple[list[Action], list[Held]]:
    """Return the steps that all gates let pass, and those that one of them holds."""
    left, held = list(actions), list[Held]()
    for gate in GATES:
        left, more = gate(left, scene, limits)
        held += more
    return left, held


def _again(edits: Probations, scene: Scene, found: Findings) -> Findings:
    """Return what comparing gives where an edit was taken back to its end and the spec still says it."""
    again = Findings()
    for key in found.in_sync:
        if key in edits.back:
            look(key, scene, again)
    for key in edits.refused.keys() & found.steps.keys():
        todo = "correct the spec or what libvirt reports; the plan after the other changes can try it again"
        waiting = withheld([placeholder(scene.world.desired[key])], edits.refused[key])
        found.held += (replace(held, release=todo) for held in waiting)
    return again


def _held_again(again: Findings, edits: Probations) -> Iterator[Held]:
    """Yield the steps of edits that were taken back or refused, each with why."""
    yield from held_back({k: steps for k, steps in again.steps.items() if k in edits.failed}, edits)
    for key, steps in again.steps.items():
        if key not in edits.failed:
            yield from withheld(steps, edits.refused[key])


def _over(
    world: World, edits: Probations, kinds: Rulebooks, found: Findings, again: Findings
) -> Iterator[Key]:
    """Yield of which objects no edit need be remembered any more, where no step will see to that."""
    held = again.steps.keys() | {h.action.key for h in again.held}
    for key in found.in_sync:
        is_stored = key in world.edits and key not in held
        if key in edits.over or (is_stored and is_over(key, world, kinds[key.kind])):
            yield key


def _stored(
    pending: Mapping[Key, tuple[Change, ...]], actions: Sequence[Action], held: Sequence[Held]
) -> dict[Key, tuple[Change, ...]]:
    """Leave out what cannot be waiting for a start: storing it is withheld, or the start is part of the plan."""
    withheld = {h.action.key for h in held if h.action.verb == DEFINE}
    started = {a.key for a in actions if a.verb == RESTART}
    return {key: changes for key, changes in pending.items() if key not in withheld | started}


def _absent(world: World, needs: Needs, overrides: Overrides) -> Iterator[tuple[Key, str]]:
    """Yield the desired objects that do not exist and to which this plan does nothing, and why."""
    for key in world.desired:
        if world.observed.actual(key) or world.observed.unobservable_part(key):
            continue
        if key in needs.left_out:
            yield key, needs.left_out[key]
        elif key in world.frozen:
            yield key, "does not exist, and its spec or state record has errors"
        elif not _is_chosen(key, overrides):
            yield key, "does not exist, and is not selected by --only"


def _judged(
    found: Findings, needs: Needs, absent: dict[Key, str], case: Case
) -> tuple[list[Action], list[Held]]:
    """Tell steps that may be done from those that may not; what needs an object that will not exist may not."""
    actions: list[Action] = []
    held: list[Held] = []
    for key, steps in found.steps.items():
        allowed, kept = judge(steps, replace(case, at_rest=key in found.at_rest))
        blocked = found.suspended.get(key) or found.blocked.get(key) or found.unusable.get(key)
        hold = blocked or _broken(key, needs, absent) or _still_hidden(key, found, actions)
        if hold:
            frees = key in found.sound and not blocked
            allowed = tuple(a for a in steps if frees and a.verb.is_ordered)
            kept = tuple(hold.on(a) for a in steps if not (frees and a.verb.is_ordered))
        # That data is missing is said even of what waits for something else that is missing.
        if not blocked and not case.approved and (why := found.withheld.get(key)):
            allowed, kept = _withheld(steps, allowed, kept, why)
        if key in found.to_be and not allowed:
            detail = f" ({kept[0].detail})" if kept[0].detail else ""
            absent[key] = f"is not created: {kept[0].hold.value}{detail}"
        actions += allowed
        held += kept
    return actions, held


def _withheld(
    steps: tuple[Action, ...], allowed: tuple[Action, ...], kept: tuple[Held, ...], why: HoldReason
) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """Hold the steps of an object from the first that changes its definition, whatever else allows or holds them."""
    first = next((i for i, a in enumerate(steps) if a.changes), len(steps))
    late = steps[first:]
    early = tuple(h for h in kept if h.action not in late)
    return tuple(a for a in allowed if a not in late), (*early, *(why.on(a) for a in late))


def _broken(key: Key, needs: Needs, absent: dict[Key, str]) -> HoldReason | None:
    """Return what holds all that is to be done to an object, because something that it needs will not exist."""
    lost = next((need for need in sorted(needs.direct[key]) if need in absent), None)
    if lost is None:
        return None
    return HoldReason(Hold.BROKEN, f"{lost} {absent[lost]}", f"it continues when {lost} exists")


def _still_hidden(key: Key, found: Findings, actions: list[Action]) -> HoldReason | None:
    """Return what holds all that is to be done to an object, because what hides it may not be started."""
    hidden = found.hidden.get(key)
    if hidden is None or hidden.until not in found.steps:
        return None
    started = any(a.key == hidden.until and a.verb == START for a in actions)
    return None if started else HoldReason(Hold.UNKNOWN, hidden.why, once_seen(None, hidden))
