"""Find all steps that would bring the host to its specs, before gates decide which of them are done now."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.model import Action, Held, HoldReason, Key
from kvmreconcile.plan.compare.findings import Finding, Findings, Steps
from kvmreconcile.plan.compare.objects import compare_object, crashed
from kvmreconcile.plan.compare.ownership import placeholder
from kvmreconcile.plan.gates.invalid import find_invalid, find_rejected
from kvmreconcile.plan.gates.left_behind import find_left_behind
from kvmreconcile.plan.gates.limits import Limits
from kvmreconcile.plan.gates.lost_data import Losses, find_lost
from kvmreconcile.plan.gates.outdated_lists import find_unobservable
from kvmreconcile.plan.gates.policy import Overrides, digest_of
from kvmreconcile.plan.gates.refused_edits import hold_refused, is_over
from kvmreconcile.plan.gates.rollout import hold_rolled_back
from kvmreconcile.plan.gates.settle import settle_removals, with_lost_parts
from kvmreconcile.plan.gates.unsupported import find_unsupported
from kvmreconcile.plan.order.renames import Renames
from kvmreconcile.plan.order.renaming import with_renames
from kvmreconcile.plan.order.swaps import Swap, find_swaps, with_swap_costs
from kvmreconcile.plan.probation import mark_rollback
from kvmreconcile.plan.prune import Orphans, find_orphans
from kvmreconcile.plan.scene import Scene

_RETRY = "correct the spec or what libvirt reports; the plan after the other changes can try it again"


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """
    All steps that would bring the host to its specs.

    Attributes:
        found: The findings for all objects, with renames first. An object whose edit was rolled back or refused is
            compared with the tree that it is kept at until then.
        retries: The findings for those objects compared with their specs, if no other step on them is needed. These
            steps repeat the edit, and are done only if the plan is approved.
        removals: Objects without a spec.
        swaps: Steps that would give an object a new disk in place of one with data.
        approvals: By object, why its steps need an approval, from the first step that changes a definition.
    """

    found: Findings
    retries: Findings
    removals: Orphans
    swaps: tuple[Swap, ...]
    approvals: Mapping[Key, HoldReason]

    @property
    def digest(self) -> str:
        """The digest that identifies exactly these steps, for approvals."""
        every = [a for steps in (*self.found.steps.values(), *self.retries.steps.values()) for a in steps]
        held = (h.action for h in (*self.found.held, *self.removals.held))
        return digest_of([*every, *self.removals.actions, *held])

    def approved(self) -> "PlanDraft":
        """Return the draft with the steps that an approval releases."""
        found = self.found.including(self.retries)
        return replace(self, found=found, removals=self.removals.released(), approvals={})

    def unapproved(self, scene: Scene, limits: Limits) -> "PlanDraft":
        """Return the draft without approval: removals are held until the specs have been unchanged for long enough."""
        return replace(self, removals=settle_removals(self.removals, scene.world, limits.settle_s))


def make_draft(scene: Scene, renames: Renames, overrides: Overrides, limits: Limits) -> PlanDraft:
    """Compare all selected objects, and find the objects that no spec names any more."""
    keys = tuple(key for key in scene.needs.sequence if overrides.selects(key))
    losses = Losses(find_lost(scene), scene)
    found = _compare_all(keys, scene, losses)
    approvals = dict(losses.held(found.steps))
    found = replace(found, steps=_mark_rollbacks(losses.at_their_cost(found.steps), scene))
    found = with_renames(found, keys, renames, scene)
    found = replace(found, unusable={**found.unusable, **_find_unusable(found.steps, scene)})
    swaps = find_swaps(scene, found)
    found = replace(found, steps=with_swap_costs(found.steps, swaps))
    approvals |= {**dict(find_left_behind(found.steps, scene)), **dict(find_rejected(found.steps, scene))}
    retries = _compare_retries(found, scene)
    found = replace(found, held=(*found.held, *_other_refusals(found, scene)))
    removals = find_orphans(scene, limits, overrides)
    return PlanDraft(
        with_lost_parts(found, scene), with_lost_parts(retries, scene), removals, swaps, approvals
    )


def _compare_all(keys: Iterable[Key], scene: Scene, losses: Losses) -> Findings:
    """Compare objects with their specs, or after a rollback or refusal with the trees that they are kept at."""
    scene = replace(scene, world=replace(scene.world, desired={**scene.world.desired, **scene.edits.interim}))
    earlier: dict[Key, Finding] = {}
    for key in keys:
        try:
            earlier[key] = compare_object(key, scene, earlier, losses.lost)
        except Exception as error:  # noqa: BLE001  a bug costs one object, and not all that there are
            earlier[key] = crashed(key, scene, error)
    return Findings.of(earlier.values())


def _find_unusable(steps: Steps, scene: Scene) -> dict[Key, HoldReason]:
    """Return the objects whose steps would store a definition that cannot be used, and why."""
    return {
        **dict(find_unsupported(steps, scene)),
        **dict(find_invalid(steps, scene)),
        **dict(find_unobservable(steps, scene)),
    }


def _mark_rollbacks(steps: Steps, scene: Scene) -> Steps:
    return {key: mark_rollback(each) if key in scene.edits.failed else each for key, each in steps.items()}


def _compare_retries(found: Findings, scene: Scene) -> Findings:
    """Compare objects that are kept at another tree after a rollback or refusal, and in sync with it, with their specs."""
    earlier: dict[Key, Finding] = {}
    for key in found.in_sync:
        if key in scene.edits.interim:
            earlier[key] = compare_object(key, scene, earlier, {})
    return Findings.of(earlier.values())


def _other_refusals(found: Findings, scene: Scene) -> Iterator[Held]:
    """Yield the holds of refused edits to objects on which other steps are done first."""
    for key in scene.edits.refused.keys() & found.steps.keys():
        steps: list[Action] = [placeholder(scene.world.desired[key])]
        yield from (replace(held, release=_RETRY) for held in hold_refused(steps, scene.edits.refused[key]))


def held_retries(retries: Findings, scene: Scene) -> Iterator[Held]:
    """Yield the steps of edits that were rolled back or refused, each with the reason."""
    edits = scene.edits
    yield from hold_rolled_back({k: steps for k, steps in retries.steps.items() if k in edits.failed}, edits)
    for key, steps in retries.steps.items():
        if key not in edits.failed:
            yield from hold_refused(steps, edits.refused[key])


def find_completed_edits(draft: PlanDraft, scene: Scene) -> Iterator[Key]:
    """Yield the objects whose edit is finished, so that its record can be deleted, and that have no step that does so."""
    held = draft.retries.steps.keys() | {h.action.key for h in draft.retries.held}
    for key in draft.found.in_sync:
        is_stored = key in scene.world.edits and key not in held
        if key in scene.edits.over or (is_stored and is_over(key, scene.world, scene.kinds[key.kind])):
            yield key
