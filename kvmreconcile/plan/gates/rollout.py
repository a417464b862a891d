"""Roll out edits to the members of a group step by step, and stop after a rollback. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from kvmreconcile.model import Action, Desired, Held, Hold, Key, Reason
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.groups import following_steps, group_of
from kvmreconcile.plan.gates.limits import Limits
from kvmreconcile.plan.probation import Probations
from kvmreconcile.tree import Effect

_RELEASE = "correct its spec, or approve this plan"


def hold_rollout(
    actions: Sequence[Action], context: PlanContext, limits: Limits | None
) -> tuple[list[Action], list[Held]]:
    """
    Hold edits of group members until edits of other members have succeeded.

    If the edit of a member was rolled back, the other edits are held until an approval.
    """
    world, edits, held = context.world, context.edits, list[Held]()
    first = sorted(_edits(actions), key=group_of)
    for (kind, group), members in groupby(first, key=group_of):
        there = {k for k, d in world.desired.items() if _group(d) == (kind, group)}
        failed = [] if limits is None else sorted(there & edits.failed.keys())
        unready = there & edits.on_probation
        for action in sorted(members, key=lambda a: (a.policy.order, a.key)):
            if failed:
                why = f"{failed[0]}: {edits.failed[failed[0]]}"
                release = f"correct the spec of {', '.join(map(str, failed))}, or approve this plan"
                held += [Held(a, Hold.ROLLOUT, why, release) for a in edit_steps_from(action, actions)]
            elif len(others := unready - {action.key}) >= action.policy.max_unavailable:
                names = ", ".join(map(str, sorted(others)))
                detail = f'group "{group}", edited in this pass, or not yet ready after an edit: {names}'
                release = "wait until these members are ready"
                held += [Held(a, Hold.GROUP, detail, release) for a in edit_steps_from(action, actions)]
            else:
                unready.add(action.key)
    waiting = {id(h.action) for h in held}
    return [a for a in actions if id(a) not in waiting], held


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
