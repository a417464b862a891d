"""Limit how many members of a group are unavailable at a time. Steps above the limit wait. Pure."""

from collections.abc import Sequence
from itertools import groupby

from kvmreconcile.model import Action, Held, Hold, Key, Power, Reason, World
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.tree import Effect


def hold_group_members(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold the steps that would make more members of a group unavailable than its policy allows."""
    world, held = context.world, list[Held]()
    for (kind, group), members in groupby(sorted(_disturbed(actions, world), key=group_of), key=group_of):
        gone = _away(kind, group, world)
        for action in sorted(members, key=lambda a: (a.policy.order, a.key)):
            others = gone - {action.key}
            if len(others) < action.policy.max_unavailable:
                gone.add(action.key)
                continue
            names = ", ".join(map(str, sorted(others)))
            away = f"not known to run, or changed in this pass: {names}"
            detail = f'group "{group}", at most {action.policy.max_unavailable} unavailable; {away}'
            release = "wait until enough members of the group run"
            held += [Held(a, Hold.GROUP, detail, release) for a in following_steps(action, actions)]
    waiting = {id(h.action) for h in held}
    return [a for a in actions if id(a) not in waiting], held


def _disturbed(actions: Sequence[Action], world: World) -> list[Action]:
    """Return, for each running member of a group, the first step that makes it unavailable."""
    first: dict[Key, Action] = {}
    for action in actions:
        # A rollback never waits, since the guest that it restarts is not ready anyway.
        counts = action.policy.group and action.reason is not Reason.ROLLBACK
        if counts and action.effect >= Effect.RESTART and world.observed.is_active(action.key):
            first.setdefault(action.key, action)
    return list(first.values())


def group_of(action: Action) -> tuple[str, str]:
    """Return the kind and group of a step's object. Groups of different kinds are independent."""
    return action.key.kind, action.policy.group


def _away(kind: str, group: str, world: World) -> set[Key]:
    """Return the members of a group that should run but are not known to run."""
    members = (k for k, d in world.desired.items() if (k.kind, d.policy.group) == (kind, group))
    wanted = (k for k in members if world.desired[k].power is Power.RUNNING)
    return {k for k in wanted if not world.observed.is_active(k)}


def following_steps(first: Action, actions: Sequence[Action]) -> list[Action]:
    """Return a step and all later steps on the same object."""
    same = [a for a in actions if a.key == first.key]
    return same[same.index(first) :]
