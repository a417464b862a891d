"""Roll out edits to the members of a group step by step, and stop after a rollback. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from kvmreconcile.model import Action, Desired, Held, Hold, Key, Reason, World
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.groups import following_steps, group_of
from kvmreconcile.plan.probation import Probations
from kvmreconcile.tree import Effect

_RELEASE = "correct its spec, or approve this plan"


def hold_after_rollback(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold the edits of a group if an edit of one of its members was rolled back."""
    edits, held = context.edits, list[Held]()
    for group, members in _edits_by_group(actions):
        failed = sorted(_members(group, context.world) & edits.failed.keys())
        if not failed:
            continue
        why = f"{failed[0]}: {edits.failed[failed[0]]}"
        release = f"correct the spec of {', '.join(map(str, failed))}, or approve this plan"
        for action in members:
            held += [Held(a, Hold.ROLLOUT, why, release) for a in edit_steps_from(action, actions)]
    return _without(held, actions), held


def hold_rollout(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold edits of group members while too many other members are edited, or are not ready after an edit."""
    held: list[Held] = []
    for group, members in _edits_by_group(actions):
        unready = _members(group, context.world) & context.edits.on_probation
        for action in members:
            others = unready - {action.key}
            if len(others) < action.policy.max_unavailable:
                unready.add(action.key)
                continue
            names = ", ".join(map(str, sorted(others)))
            detail = f'group "{group[1]}", edited in this pass, or not yet ready after an edit: {names}'
            release = "wait until these members are ready"
            held += [Held(a, Hold.GROUP, detail, release) for a in edit_steps_from(action, actions)]
    return _without(held, actions), held


def _edits_by_group(actions: Sequence[Action]) -> Iterator[tuple[tuple[str, str], list[Action]]]:
    """Yield each group with the first step of each edit of its members, in the order of the rollout."""
    first = sorted(_edits(actions), key=group_of)
    for group, members in groupby(first, key=group_of):
        yield group, sorted(members, key=lambda a: (a.policy.order, a.key))


def _members(group: tuple[str, str], world: World) -> set[Key]:
    return {key for key, desired in world.desired.items() if _group(desired) == group}


def _without(held: Sequence[Held], actions: Sequence[Action]) -> list[Action]:
    """Return the actions that are not held."""
    waiting = {id(each.action) for each in held}
    return [action for action in actions if id(action) not in waiting]


def _edits(actions: Sequence[Action]) -> Iterator[Action]:
    """Yield, for each member of a group with rollback enabled, the first step of its edit."""
    seen: set[Key] = set()
    for action in actions:
        policy = action.policy
        if (
            policy.group
            and policy.lifecycle.rollback
            and action.reason is Reason.EDIT
            and action.key not in seen
        ):
            seen.add(action.key)
            yield action


def edit_steps_from(first: Action, actions: Sequence[Action]) -> list[Action]:
    """
    Return a step of an edit and the later steps on the same object that must be held with it.

    Starts and stops are left out, unless one of the steps replaces the object.
    """
    rest = following_steps(first, actions)
    if any(a.effect >= Effect.REPLACE for a in rest):
        return rest
    return [a for a in rest if not a.verb.is_ordered]


def _group(desired: Desired) -> tuple[str, str]:
    return desired.key.kind, desired.policy.group


def hold_rolled_back(retries: Mapping[Key, tuple[Action, ...]], edits: Probations) -> Iterator[Held]:
    """Yield the held steps of edits that were rolled back, each with the reason of the rollback."""
    for key, actions in retries.items():
        for action in actions:
            yield Held(action, Hold.TAKEN_BACK, edits.failed[key], _RELEASE)
