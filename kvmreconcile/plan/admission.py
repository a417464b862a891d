"""Decide which steps of a draft may run now, and hold the other steps with a reason."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key
from kvmreconcile.model.verbs import START
from kvmreconcile.plan.compare.findings import Findings
from kvmreconcile.plan.compare.objects import when_observable
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.draft import PlanDraft
from kvmreconcile.plan.gates.dependents import hold_dependents
from kvmreconcile.plan.gates.gate import Gate, Limits
from kvmreconcile.plan.gates.groups import hold_group_members
from kvmreconcile.plan.gates.host_requirements import find_unready
from kvmreconcile.plan.gates.limits import hold_above_limits
from kvmreconcile.plan.gates.missing_data import hold_without_data
from kvmreconcile.plan.gates.moved import hold_moved
from kvmreconcile.plan.gates.plugins import checked
from kvmreconcile.plan.gates.policy import Case, Overrides, judge
from kvmreconcile.plan.gates.resource_conflicts import hold_resource_conflicts
from kvmreconcile.plan.gates.rollout import hold_after_rollback, hold_rollout
from kvmreconcile.plan.gates.settle import hold_unsettled
from kvmreconcile.plan.order.removal_order import RemovalOrder
from kvmreconcile.plan.order.starts import order_starts
from kvmreconcile.plan.order.swaps import swap_holds


@dataclass(frozen=True, slots=True)
class Admitted:
    """The steps that may run now, in the order of the plan, and the steps that are held."""

    actions: tuple[Action, ...]
    held: tuple[Held, ...]


GATES: tuple[Gate, ...] = (
    Gate("moved", hold_moved, opened_by_approval=True),
    Gate("settle", hold_unsettled, opened_by_approval=True),
    Gate("rollback", hold_after_rollback, opened_by_approval=True),
    Gate("rollout", hold_rollout),
    Gate("groups", hold_group_members),
    Gate("limits", hold_above_limits, opened_by_approval=True),
)
"""
Gates that may hold steps because of other objects or the whole host, in order.

Each gate gets the steps that the earlier gates allowed. The gates of other packages follow.
"""

LAST_GATES: tuple[Gate, ...] = (
    Gate("data", hold_without_data),
    Gate("conflicts", hold_resource_conflicts),
    Gate("dependents", hold_dependents),
    Gate("starts", order_starts),
)
"""Gates whose decision depends on which objects are created by the steps that all others allow."""


@dataclass(frozen=True, slots=True)
class Terms:
    """
    The options, limits and approval that decide which steps of a plan are allowed.

    Attributes:
        overrides: The options of the caller.
        approved: Whether this plan was approved.
        limits: The limits of the whole host.
    """

    overrides: Overrides
    limits: Limits
    approved: bool

    def case(self, context: PlanContext) -> Case:
        """Return the conditions for the steps on an object that is in use."""
        is_overridden = self.overrides.max_effect is not None
        return Case(context.world.now, approved=self.approved, at_rest=False, is_overridden=is_overridden)

    def closed(self, gates: Iterable[Gate]) -> Iterator[Gate]:
        """Yield the gates that are closed: with an approval, those that it does not open."""
        return (gate for gate in gates if not (self.approved and gate.opened_by_approval))


def admit(draft: PlanDraft, removal_order: RemovalOrder, context: PlanContext, terms: Terms) -> Admitted:
    """Return the steps of a draft that may run now, and the steps that a policy or gate holds."""
    absent = dict(_absent(context, terms.overrides))
    actions, held = _judged(draft, _find_holds(draft, removal_order, context, terms), absent, context, terms)
    context = replace(context, leaving=removal_order.leaving)
    for gate in terms.closed((*GATES, *map(checked, terms.limits.gates), *LAST_GATES)):
        actions, more = gate.split(actions, context, terms.limits)
        held += more
    return Admitted(tuple(actions), tuple(held))


def _find_holds(
    draft: PlanDraft, removal_order: RemovalOrder, context: PlanContext, terms: Terms
) -> Mapping[Key, HoldReason]:
    """
    Return, by object, the reason to hold all its steps, regardless of its policy.

    If several reasons apply, the last one listed here is used.
    """
    return {
        **draft.found.unusable,
        **dict(find_unready(context.world, approved=terms.approved)),
        **dict(removal_order.holds()),
        **removal_order.renames.blocked,
        **dict(swap_holds(draft.swaps, context.world, approved=terms.approved)),
        **draft.found.suspended,
    }


def _judged(
    draft: PlanDraft,
    holds: Mapping[Key, HoldReason],
    absent: dict[Key, str],
    context: PlanContext,
    terms: Terms,
) -> tuple[list[Action], list[Held]]:
    """
    Split the steps on all objects into those that may run now and those that are held.

    A step is held by the policy of its object, or because the object needs another object that
    will not exist.

    Args:
        holds: By object, the reason to hold all its steps.
        absent: By object that does not exist and is not created, the reason. This function adds
            the objects whose creation it holds.
    """
    found, actions, held, case = draft.found, list[Action](), list[Held](), terms.case(context)
    startable = {swap.user for swap in draft.swaps}
    for key, steps in found.steps.items():
        firm = holds.get(key)
        hold = firm or _broken(key, context, absent) or _still_hidden(key, found, actions)
        if hold is None:
            split = Admitted(*judge(steps, replace(case, at_rest=key in found.at_rest)))
        elif firm or key not in startable:
            split = Admitted((), tuple(hold.on(a) for a in steps))
        else:
            split = _start_and_stop(steps, hold)
        # The approval replaces the other hold, so that an object's own missing data is reported
        # even if the object also needs another object that is missing.
        if not firm and (approval := draft.approvals.get(key)):
            split = _hold_changes(steps, split, approval)
        if key in found.new and not split.actions:
            detail = f" ({split.held[0].detail})" if split.held[0].detail else ""
            absent[key] = f"is not created: {split.held[0].hold.value}{detail}"
        actions += split.actions
        held += split.held
    return actions, held


def _start_and_stop(steps: tuple[Action, ...], hold: HoldReason) -> Admitted:
    """Hold the steps on an object, except the steps that start or stop the object."""
    return Admitted(
        tuple(a for a in steps if a.verb.is_ordered),
        tuple(hold.on(a) for a in steps if not a.verb.is_ordered),
    )


def _hold_changes(steps: tuple[Action, ...], split: Admitted, approval: HoldReason) -> Admitted:
    """Hold the first step that changes an object's definition, and all later steps."""
    first = next((i for i, a in enumerate(steps) if a.changes), len(steps))
    late = steps[first:]
    early = tuple(h for h in split.held if h.action not in late)
    allowed = tuple(a for a in split.actions if a not in late)
    return Admitted(allowed, (*early, *(approval.on(a) for a in late)))


def _absent(context: PlanContext, overrides: Overrides) -> Iterator[tuple[Key, str]]:
    """Yield the missing desired objects that this plan leaves out, each with the reason."""
    world, needs = context.world, context.needs
    for key in world.desired:
        if world.observed.actual(key) or world.observed.unobservable_part(key):
            continue
        if key in needs.left_out:
            yield key, needs.left_out[key]
        elif key in world.frozen:
            yield key, "does not exist, and its spec or state record has errors"
        elif not overrides.selects(key):
            yield key, "does not exist, and is not selected by --only"


def _broken(key: Key, context: PlanContext, absent: Mapping[Key, str]) -> HoldReason | None:
    """Return the hold of an object that needs another object in `absent`, or None."""
    lost = next((need for need in sorted(context.needs.direct[key]) if need in absent), None)
    if lost is None:
        return None
    return HoldReason(Hold.BROKEN, f"{lost} {absent[lost]}", f"wait until {lost} exists")


def _still_hidden(key: Key, found: Findings, actions: Sequence[Action]) -> HoldReason | None:
    """
    Return the hold of an object that is observable only after the start of another object.

    Returns None if `actions` contain that start, or if the object can be observed now.
    """
    hidden = found.hidden.get(key)
    if hidden is None or hidden.until not in found.steps:
        return None
    started = any(a.key == hidden.until and a.verb == START for a in actions)
    return None if started else HoldReason(Hold.UNKNOWN, hidden.why, when_observable(None, hidden))
