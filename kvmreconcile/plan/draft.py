"""Find all steps that would bring the host in line with its specs, before any gate."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Held, HoldReason, Key
from kvmreconcile.plan.compare.findings import Finding, Findings, Steps
from kvmreconcile.plan.compare.objects import compare_object, hold_crashed
from kvmreconcile.plan.compare.ownership import placeholder
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.gate import Limits
from kvmreconcile.plan.gates.invalid import find_invalid, find_rejected
from kvmreconcile.plan.gates.lost_data import Losses, find_lost
from kvmreconcile.plan.gates.moved import find_moved
from kvmreconcile.plan.gates.outdated_lists import find_unobservable
from kvmreconcile.plan.gates.policy import Overrides, digest_of
from kvmreconcile.plan.gates.refused_edits import hold_refused, is_over
from kvmreconcile.plan.gates.rollout import hold_rolled_back
from kvmreconcile.plan.gates.settle import settle_removals, with_lost_parts
from kvmreconcile.plan.gates.storage_location import find_location_changes
from kvmreconcile.plan.gates.unsupported import find_unsupported
from kvmreconcile.plan.order.rename_steps import with_renames
from kvmreconcile.plan.order.renames import Renames
from kvmreconcile.plan.order.swaps import Swap, find_swaps, with_swap_costs
from kvmreconcile.plan.orphans import Orphans
from kvmreconcile.plan.probation import mark_rollback
from kvmreconcile.plan.prune import find_orphans

_RETRY = "fix the spec or the cause of libvirt's error; the edit can be retried after the other steps"


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """
    All steps that would bring the host in line with its specs.

    Attributes:
        found: The findings for all objects, with the rename of an object as its first step. An
            object with an edit that was rolled back or refused is compared with its spec without
            that edit.
        retries: The findings for objects with an edit that was rolled back or refused, compared
            with their full specs, if they need no other step. Their steps repeat the edit, and run
            only if the plan is approved.
        removals: Objects without a spec.
        swaps: Steps that would give an object a new disk in place of a disk with data.
        moved: The objects that moved here from another host; an approval confirms that they are gone there.
        approvals: By object, why its steps need an approval, starting with the first step that
            changes the definition.
    """

    found: Findings
    retries: Findings
    removals: Orphans
    swaps: tuple[Swap, ...]
    approvals: Mapping[Key, HoldReason]
    moved: tuple[Key, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of these steps. An approval names this digest."""
        every = [a for steps in (*self.found.steps.values(), *self.retries.steps.values()) for a in steps]
        held = (h.action for h in (*self.found.held, *self.removals.held))
        return digest_of([*every, *self.removals.actions, *held], self.moved)

    def approved(self) -> "PlanDraft":
        """Return the draft including the steps that an approval releases."""
        found = self.found.including(self.retries)
        return replace(self, found=found, removals=self.removals.released(), approvals={})

    def unapproved(self, context: PlanContext, limits: Limits) -> "PlanDraft":
        """Return the draft with removals held for the settle time (`limits.settle_s`)."""
        return replace(self, removals=settle_removals(self.removals, context.world, limits.settle_s))


def make_draft(context: PlanContext, renames: Renames, overrides: Overrides, limits: Limits) -> PlanDraft:
    """Compare all selected objects with their specs, and find objects whose spec was removed."""
    keys = tuple(key for key in context.needs.sequence if overrides.selects(key))
    losses = Losses(find_lost(context), context)
    found = _compare_all(keys, context, losses)
    approvals = dict(losses.held(found.steps))
    found = replace(found, steps=_mark_rollbacks(losses.at_their_cost(found.steps), context))
    found = with_renames(found, keys, renames, context)
    found = replace(found, unusable={**found.unusable, **_find_unusable(found.steps, context)})
    swaps = find_swaps(context, found)
    found = replace(found, steps=with_swap_costs(found.steps, swaps))
    approvals |= {
        **dict(find_location_changes(found.steps, context)),
        **dict(find_rejected(found.steps, context)),
    }
    retries = _compare_retries(found, context)
    found = replace(found, held=(*found.held, *_other_refusals(found, context)))
    removals = find_orphans(context, limits, overrides)
    found, retries = with_lost_parts(found, context), with_lost_parts(retries, context)
    may_be_elsewhere = find_moved(context)
    moved = tuple(key for key, steps in found.steps.items() if steps and key in may_be_elsewhere)
    return PlanDraft(found, retries, removals, swaps, approvals, moved)


def _compare_all(keys: Iterable[Key], context: PlanContext, losses: Losses) -> Findings:
    """Compare objects with their specs, without edits that were rolled back or refused."""
    context = replace(
        context, world=replace(context.world, desired={**context.world.desired, **context.edits.interim})
    )
    earlier: dict[Key, Finding] = {}
    for key in keys:
        try:
            earlier[key] = compare_object(key, context, earlier, losses.lost)
        except Exception as error:  # noqa: BLE001  a bug affects one object, not all objects
            earlier[key] = hold_crashed(key, context, error)
    return Findings.of(earlier.values())


def _find_unusable(steps: Steps, context: PlanContext) -> dict[Key, HoldReason]:
    """Return the objects whose steps would store an unusable definition, each with the reason."""
    return {
        **dict(find_unsupported(steps, context)),
        **dict(find_invalid(steps, context)),
        **dict(find_unobservable(steps, context)),
    }


def _mark_rollbacks(steps: Steps, context: PlanContext) -> Steps:
    return {key: mark_rollback(each) if key in context.edits.failed else each for key, each in steps.items()}


def _compare_retries(found: Findings, context: PlanContext) -> Findings:
    """
    Compare objects with their full specs, including edits that were rolled back or refused.

    Only objects that are in sync without these edits are compared.
    """
    earlier: dict[Key, Finding] = {}
    for key in found.in_sync:
        if key in context.edits.interim:
            earlier[key] = compare_object(key, context, earlier, {})
    return Findings.of(earlier.values())


def _other_refusals(found: Findings, context: PlanContext) -> Iterator[Held]:
    """Yield the holds of refused edits to objects that have other steps in this plan."""
    for key in context.edits.refused.keys() & found.steps.keys():
        steps: list[Action] = [placeholder(context.world.desired[key])]
        yield from (replace(held, release=_RETRY) for held in hold_refused(steps, context.edits.refused[key]))


def held_retries(retries: Findings, context: PlanContext) -> Iterator[Held]:
    """Yield the held steps of edits that were rolled back or refused, each with the reason."""
    edits = context.edits
    yield from hold_rolled_back({k: steps for k, steps in retries.steps.items() if k in edits.failed}, edits)
    for key, steps in retries.steps.items():
        if key not in edits.failed:
            yield from hold_refused(steps, edits.refused[key])


def find_completed_edits(draft: PlanDraft, context: PlanContext) -> Iterator[Key]:
    """Yield the objects that need no further step, and with a recorded edit that can be dropped."""
    held = draft.retries.steps.keys() | {h.action.key for h in draft.retries.held}
    for key in draft.found.in_sync:
        is_stored = key in context.world.edits and key not in held
        if key in context.edits.over or (is_stored and is_over(key, context.world, context.kinds[key.kind])):
            yield key
