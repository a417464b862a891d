"""
Plan a whole host: compute the steps that bring the host in line with its specs.

Pure. No spec makes planning fail. This module calls the stages of planning in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kvmreconcile.model import Action, Held, Key, Plan, World
from kvmreconcile.model.verbs import DEFINE, RESTART
from kvmreconcile.plan.admission import Admitted, Terms, admit
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.context import PlanContext, make_context
from kvmreconcile.plan.draft import PlanDraft, find_completed_edits, held_retries, make_draft
from kvmreconcile.plan.gates.gate import Limits
from kvmreconcile.plan.gates.missing_data import report_missing_data
from kvmreconcile.plan.gates.moved import foreign_data
from kvmreconcile.plan.gates.plugins import gate_removals
from kvmreconcile.plan.gates.policy import Overrides, override
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.removal_order import RemovalOrder
from kvmreconcile.plan.order.rename_steps import rename_in_world
from kvmreconcile.plan.order.renames import find_renames
from kvmreconcile.plan.order.starts import with_readiness_checks
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
    Return the plan for a host: the steps that bring it in line with its specs, and the held steps.

    Args:
        overrides: Options of the caller that override the specs. None means no options.
        limits: The limits of the whole host. None means the default limits.
        cache: Results of earlier plans. None means that all objects are compared.
    """
    overrides, limits = overrides or Overrides(), limits or Limits()
    cache = ComparisonCache() if cache is None else cache
    cache.keep_only(world.desired.keys() | world.observed.objects.keys())
    world = replace(world, desired=override(world.desired, overrides))
    renames = find_renames(world, kinds)
    context = make_context(rename_in_world(world, renames.formers), kinds, cache)
    draft = make_draft(context, renames, overrides, limits)
    digest = draft.digest
    terms = Terms(overrides, limits, approved=overrides.approved == digest)
    allowed = draft.approved() if terms.approved else draft.unapproved(context, limits)
    removals = gate_removals(allowed.removals, terms.closed(limits.gates), context, limits)
    allowed = replace(allowed, removals=removals)
    removal_order = RemovalOrder(renames, allowed.removals, context.world, kinds)
    admitted = admit(allowed, removal_order, context, terms)
    made = _assemble(allowed, admitted, removal_order, context, terms)
    owners = {key: world.owners[key] for key in made.all_names if key in world.owners}
    made = replace(made, digest=digest, owners=owners, placed_elsewhere=len(world.elsewhere))
    return without_secrets(made, context.world)


def _assemble(
    draft: PlanDraft, admitted: Admitted, removal_order: RemovalOrder, context: PlanContext, terms: Terms
) -> Plan:
    """Combine steps, removals, readiness checks and reported problems into the plan."""
    world, found, retries = context.world, draft.found, draft.retries
    pending = _stored(found.pending, admitted.actions, admitted.held)
    actions = list(
        with_readiness_checks(admitted.actions, world, context.edits.on_probation - pending.keys())
    )
    reported = [h for h in report_missing_data(actions, context) if terms.overrides.selects(h.action.key)]
    unsound = retries.steps.keys() | {h.action.key for h in reported}
    waiting = () if terms.approved else held_retries(retries, context)
    ordered = removal_order.with_order(actions)
    over = frozenset(find_completed_edits(draft, context))
    foreign = foreign_data(context, {action.key for action in actions})
    return Plan(
        actions=ordered.with_removals(context.needs.waiting(actions)),
        held=(*found.held, *admitted.held, *waiting, *reported, *ordered.gone.held),
        pending=pending,
        in_sync=tuple(key for key in found.in_sync if key not in unsound),
        records=(
            *(key for key in dict.fromkeys((*found.outdated, *over)) if key not in foreign),
            *ordered.gone.vanished,
        ),
        problems=context.needs.problems,
        notes=(*world.notes, *context.needs.notes),
        instead={
            key: desired
            for key, desired in context.edits.interim.items()
            if key not in over and not (terms.approved and key in retries.steps)
        },
        lost=world.lost,
        elsewhere={name: tuple(sorted(keys)) for name, keys in ordered.gone.elsewhere.items()},
        crashes=found.crashes,
    )


def _stored(
    pending: Mapping[Key, tuple[Change, ...]], actions: Sequence[Action], held: Sequence[Held]
) -> dict[Key, tuple[Change, ...]]:
    """
    Return the pending changes that will still wait for a start after this plan.

    Changes of an object are left out if the step that stores them is held, or if the plan restarts
    the object.
    """
    unstored = {h.action.key for h in held if h.action.verb == DEFINE}
    started = {a.key for a in actions if a.verb == RESTART}
    return {key: changes for key, changes in pending.items() if key not in unstored | started}
