"""
Plan for a whole host: compute the steps that bring it to its specs. Pure; never raises because of a spec.

Each step of planning is a function in a module of its own that returns a value; they are called here in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kvmreconcile.model import Action, Held, Key, Plan, World
from kvmreconcile.model.verbs import DEFINE, RESTART
from kvmreconcile.plan.admission import Admitted, Terms, admit
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.draft import PlanDraft, find_completed_edits, held_retries, make_draft
from kvmreconcile.plan.gates.limits import Limits
from kvmreconcile.plan.gates.missing_data import report_missing_data
from kvmreconcile.plan.gates.policy import Overrides, override
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.renames import find_renames
from kvmreconcile.plan.order.renaming import rename_in_world
from kvmreconcile.plan.order.starts import with_readiness_checks
from kvmreconcile.plan.order.succession import RemovalOrder
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
    Return the steps that bring the host to its specs, and those that are held.

    Args:
        overrides: Options of the caller that override the specs; None for none.
        limits: The limits of the whole host; None for the defaults.
        cache: Results of earlier plans; None to compare everything.
    """
    overrides, limits = overrides or Overrides(), limits or Limits()
    cache = ComparisonCache() if cache is None else cache
    cache.keep_only(world.desired.keys() | world.observed.objects.keys())
    world = replace(world, desired=override(world.desired, overrides))
    renames = find_renames(world, kinds)
    scene = scene_of(rename_in_world(world, renames.formers), kinds, cache)
    draft = make_draft(scene, renames, overrides, limits)
    digest = draft.digest
    terms = Terms(overrides, limits, approved=overrides.approved == digest)
    allowed = draft.approved() if terms.approved else draft.unapproved(scene, limits)
    succession = RemovalOrder(renames, allowed.removals, scene.world, kinds)
    admitted = admit(allowed, succession, scene, terms)
    made = _assemble(allowed, admitted, succession, scene, terms)
    return without_secrets(replace(made, digest=digest), scene.world)


def _assemble(
    draft: PlanDraft, admitted: Admitted, succession: RemovalOrder, scene: Scene, terms: Terms
) -> Plan:
    """Assemble the plan: add readiness checks and removals in their order, and reports."""
    world, found, retries = scene.world, draft.found, draft.retries
    pending = _stored(found.pending, admitted.actions, admitted.held)
    actions = list(with_readiness_checks(admitted.actions, world, scene.edits.on_probation - pending.keys()))
    reported = [h for h in report_missing_data(actions, scene) if terms.overrides.selects(h.action.key)]
    unsound = retries.steps.keys() | {h.action.key for h in reported}
    waiting = () if terms.approved else held_retries(retries, scene)
    ordered = succession.with_order(actions)
    over = frozenset(find_completed_edits(draft, scene))
    return Plan(
        actions=ordered.with_removals(scene.needs.waiting(actions)),
        held=(*found.held, *admitted.held, *waiting, *reported, *ordered.gone.held),
        pending=pending,
        in_sync=tuple(key for key in found.in_sync if key not in unsound),
        records=(*dict.fromkeys((*found.outdated, *over)), *ordered.gone.vanished),
        problems=scene.needs.problems,
        notes=(*world.notes, *scene.needs.notes),
        instead={
            key: desired
            for key, desired in scene.edits.interim.items()
            if key not in over and not (terms.approved and key in retries.steps)
        },
        lost=world.lost,
        elsewhere={name: tuple(sorted(keys)) for name, keys in ordered.gone.elsewhere.items()},
        crashes=found.crashes,
    )


def _stored(
    pending: Mapping[Key, tuple[Change, ...]], actions: Sequence[Action], held: Sequence[Held]
) -> dict[Key, tuple[Change, ...]]:
    """Leave out changes that do not wait for a start: storing them is held, or the start is part of the plan."""
    unstored = {h.action.key for h in held if h.action.verb == DEFINE}
    started = {a.key for a in actions if a.verb == RESTART}
    return {key: changes for key, changes in pending.items() if key not in unstored | started}
