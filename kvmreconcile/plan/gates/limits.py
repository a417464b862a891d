"""
Enforce the limits of the whole host.

If a pass would affect too many objects of a kind, all steps that count for the limit are held.
Limits apply regardless of the policies of the objects. They protect against a commit that changes
every object by mistake. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kvmreconcile.model import Action, Held, Hold, Key, World
from kvmreconcile.model.verbs import CREATE
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.gate import Limit, Limits
from kvmreconcile.plan.gates.groups import following_steps
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class _Counted:
    """
    A limit, and the steps that count for it.

    Attributes:
        counts: Returns whether a step counts.
        among: Returns whether an object counts for the total to which the share applies.
        outcome: What would happen to the objects, for messages.
        setting: The name of the setting for the limit.
        of: Returns whether the limit applies to a kind.
    """

    limit: Callable[[Limits], Limit]
    counts: Callable[[Action, World], bool]
    among: Callable[[Key, World], bool]
    outcome: str
    setting: str
    of: Callable[[Rulebook], bool] = lambda _kind: True


def _is_there(key: Key, world: World) -> bool:
    return world.observed.actual(key) is not None


def _runs(key: Key, world: World) -> bool:
    return world.observed.is_active(key)


def _was_made(key: Key, world: World) -> bool:
    return key in world.applied and world.applied[key].complete


_COUNTED = (
    _Counted(
        limit=lambda limits: limits.replace,
        counts=lambda action, world: action.effect >= Effect.REPLACE and _is_there(action.key, world),
        among=_is_there,
        outcome="would be replaced or lose data",
        setting="limits.maxReplace",
    ),
    # After replacements: if a replacement is held, the restart that belongs to it is held as well.
    _Counted(
        limit=lambda limits: limits.restart,
        counts=lambda action, world: (
            _runs(action.key, world) and (action.effect >= Effect.RESTART or action.verb.stops)
        ),
        among=_runs,
        outcome="that run would be paused, stopped or restarted",
        setting="limits.maxRestart",
    ),
    # A spec may allow this without approval, but the storage might only be unavailable.
    _Counted(
        limit=lambda limits: limits.remake,
        counts=lambda action, world: action.verb == CREATE and _was_made(action.key, world),
        among=_was_made,
        outcome="would be created again, as they are missing",
        setting="limits.maxRemake",
        of=lambda kind: kind.data is not None,
    ),
)


def hold_above_limits(
    actions: Sequence[Action], context: PlanContext, limits: Limits
) -> tuple[list[Action], list[Held]]:
    """Split steps into those within the limits and those that are held."""
    world, kinds = context.world, context.kinds
    left, held = list(actions), list[Held]()
    for counted in _COUNTED:
        for kind in sorted({a.key.kind for a in left if counted.of(kinds[a.key.kind])}):
            held += _too_many(kind, left, world, counted, limits)
        stopped = {id(h.action) for h in held}
        left = [action for action in left if id(action) not in stopped]
    return left, held


def _too_many(
    kind: str, actions: Sequence[Action], world: World, counted: _Counted, limits: Limits
) -> list[Held]:
    """Return the steps of a kind that a limit holds, with all later steps on their objects."""
    first: dict[Key, Action] = {}
    for action in actions:
        if action.key.kind == kind and counted.counts(action, world):
            first.setdefault(action.key, action)
    of = sum(k.kind == kind and counted.among(k, world) for k in world.desired)
    allowed = counted.limit(limits).allows(of)
    if len(first) <= allowed:
        return []
    detail = f"{len(first)} of {of} {kind} objects {counted.outcome}; the limit for one pass is {allowed}"
    release = f'approve this plan, or raise "{counted.setting}" and "{counted.setting}Share"'
    return [
        Held(a, Hold.BRAKE, detail, release) for met in first.values() for a in following_steps(met, actions)
    ]


def excess_removals(removals: Mapping[str, int], owned: Mapping[str, int], limits: Limits) -> dict[str, str]:
    """
    Return the kinds with too many removals in one pass, each with the reason.

    One removal above the share of its kind is allowed, but only for one kind. Otherwise a commit
    that deletes everything on a small host could remove one object of each kind.

    Args:
        removals: By kind, the number of objects that would be removed.
        owned: By kind, the number of managed objects.
    """
    limit = limits.delete
    parts = {kind: f"{count} of {owned[kind]} {kind} objects" for kind, count in sorted(removals.items())}
    excess = {kind for kind, count in removals.items() if count > limit.portion(owned[kind])}
    single = [kind for kind in parts if kind in excess and removals[kind] <= limit.allows(owned[kind])]
    if len(single) == 1:
        excess.discard(single[0])
    together = " and ".join(parts[kind] for kind in single)
    return {
        kind: f"{together if kind in single else parts[kind]} would be removed; "
        f"the limit for one pass is {limit.allows(owned[kind])}"
        for kind in excess
    }
