"""
Compare one desired object with the host, and return its steps and holds.

`compare` reads one object only. This module also takes the rest of the host into account: whether
the object can be observed, and whether it is ours.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from traceback import extract_tb

from kvmreconcile.model import (
    Action,
    Actual,
    Held,
    Hold,
    HoldReason,
    Key,
    ManualCommands,
    Unknown,
    Unobservable,
)
from kvmreconcile.model.verbs import START
from kvmreconcile.plan.compare.cache import CachedResult, View
from kvmreconcile.plan.compare.findings import Finding
from kvmreconcile.plan.compare.in_force import rules_for
from kvmreconcile.plan.compare.ownership import conflict, is_ours, placeholder
from kvmreconcile.plan.compare.pauses import hold_paused, stays_off
from kvmreconcile.plan.compare.reasons import with_edits
from kvmreconcile.plan.compare.results import result_for
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.suspended import find_suspension
from kvmreconcile.plan.lost_state import find_state_loss_hold
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.users import Users
from kvmreconcile.tree import is_satisfied_by

AGAIN = "wait for the next pass, which observes the object again"
_ONCE_ACTIVE = "wait until {} is active"
ONCE_IDLE = "wait until the job is done"
Earlier = Mapping[Key, Finding]
"""The findings of all objects that precede an object in the plan, including all that it needs."""


def compare_object(key: Key, context: PlanContext, earlier: Earlier, missing: Users) -> Finding:
    """
    Compare one desired object with the host.

    Args:
        earlier: The findings of all objects that precede this object in the plan.
        missing: Objects with data that were complete and no longer exist.
    """
    world = context.world
    desired, actual = world.desired[key], world.observed.objects.get(key)
    hidden = world.observed.unobservable_part(key)
    why = _unobservable(actual, hidden, context, earlier)
    if isinstance(actual, Unknown) or why:
        held = Held(placeholder(desired), Hold.UNKNOWN, why, when_observable(actual, hidden))
        return Finding(key, held=(held,))
    found = Finding(key, hidden=hidden if hidden and hidden.until else None)
    view = View(desired, actual, world.applied.get(key), hidden)
    is_out_of_sight = hidden is not None or (actual is None and _is_in_new(key, context, earlier))
    if is_out_of_sight and (key in missing or (view.applied and view.applied.complete)):
        return found  # The object probably exists. It is compared once it can be observed.
    state_lost = find_state_loss_hold(key, world, context.kinds, context.needs)
    found = replace(
        found,
        suspended=find_suspension(key, world) or state_lost,
        is_at_rest=_is_at_rest(view, context.kinds),
        is_new=actual is None,
    )
    is_accepted = actual is None or is_ours(desired, actual, view.applied, world)
    if actual is not None and not is_accepted and not _is_ours_again(view, context, earlier):
        return replace(found, is_foreign=True, held=(conflict(desired, actual, world),))
    found = _with_result(found, view, result_for(view, context), context)
    return replace(found, is_outdated=False) if state_lost else found


def hold_crashed(key: Key, context: PlanContext, error: Exception) -> Finding:
    """Return the finding of an object that is held because comparing it raised an exception."""
    frame = extract_tb(error.__traceback__)[-1]
    what = f"comparing it raised {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
    todo = "report this as a bug; all other objects are still compared"
    held = Held(placeholder(context.world.desired[key]), Hold.CRASHED, what, todo)
    return Finding(key, held=(held,), is_new=key not in context.world.observed.objects, crash=error)


def _is_at_rest(view: View, kinds: Rulebooks) -> bool:
    actual = view.actual
    if actual is None:
        return True
    is_off = kinds[actual.key.kind].has_lifecycle and not actual.active
    return is_off and not view.desired.policy.waits_when_off


def _is_in_new(key: Key, context: PlanContext, earlier: Earlier) -> bool:
    """
    Return whether the container of an object does not exist, such as the pool of a volume.

    The object's data may exist nevertheless.
    """
    return any(
        need in earlier and earlier[need].is_new and key.name.startswith(f"{need.name}/")
        for need in context.needs.direct[key]
    )


def _unobservable(
    actual: Actual | Unknown | None, hidden: Unobservable | None, context: PlanContext, earlier: Earlier
) -> str:
    """Return why an object cannot be compared; "" if it can, now or after this plan."""
    if isinstance(actual, Unknown):
        return actual.why
    if hidden is None:
        return ""
    until, world = hidden.until, context.world
    is_known = until is not None and (until in world.desired or until in world.observed.objects)
    before = earlier.get(until) if until else None
    is_started = before is not None and any(step.verb == START for step in before.steps)
    return "" if is_started or (until and not is_known) else hidden.why


def when_observable(seen: Actual | Unknown | None, hidden: Unobservable | None) -> str:
    """Return advice on how an object that cannot be observed now becomes observable."""
    return _ONCE_ACTIVE.format(hidden.until) if hidden and hidden.until and seen is None else AGAIN


def _is_ours_again(view: View, context: PlanContext, earlier: Earlier) -> bool:
    """
    Return whether an object without a mark matches its spec and is in a container of ours.

    This restores lost state records of volumes without changing the volumes.
    """
    desired, actual, kind = view.desired, view.actual, context.kinds[view.desired.key.kind]
    if actual is None or actual.uuid or kind.has_ownership_mark or view.applied:
        return False
    places = context.needs.direct[desired.key]
    are_ours = all(p in context.needs.direct and not (p in earlier and earlier[p].is_foreign) for p in places)
    return bool(places) and are_ours and is_satisfied_by(desired.tree, actual.tree, rules_for(desired, kind))


def _with_result(found: Finding, view: View, memo: CachedResult, context: PlanContext) -> Finding:
    """Return a finding with the steps and holds that result from the object's comparison."""
    world, key, actual, compared = context.world, view.desired.key, view.actual, memo.compared
    steps = with_edits(compared.actions, view, world.edits.get(key), memo.kind)
    if actual is not None and actual.job and steps:
        return _busy(found, steps, actual.job)
    obstacle = world.obstacles.get(key)
    unusable = HoldReason(Hold.CONTENT, obstacle.why, obstacle.todo) if obstacle else None
    actions, paused = hold_paused(
        steps, view.desired, actual, view.applied, ManualCommands(world.commands, memo.kind.commands)
    )
    held = (*memo.withheld, *paused)
    return replace(
        found,
        steps=actions,
        held=(*held, unusable.on(placeholder(view.desired))) if unusable and not actions else held,
        pending=compared.pending,
        unusable=unusable,
        is_in_sync=not actions and not unusable and not held,
        is_outdated=compared.stale or (not actions and _is_left_changed(view)),
    )


def _busy(found: Finding, steps: tuple[Action, ...], job: str) -> Finding:
    """
    Return the finding of an object on which a job runs.

    Only steps that complete a disk copy of an earlier pass are kept. All other steps are held.
    """
    held = tuple(Held(a, Hold.BUSY, job, ONCE_IDLE) for a in steps if not a.verb.spans_passes)
    return replace(found, is_busy=True, held=held, steps=tuple(a for a in steps if a.verb.spans_passes))


def _is_left_changed(view: View) -> bool:
    """Return whether the state record is wrong about whether the object stays off."""
    applied, actual = view.applied, view.actual
    return bool(applied and actual and stays_off(view.desired, actual, applied) != applied.left)
