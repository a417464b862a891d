"""Create the step that removes an object. `prune` decides whether the step runs. Pure."""

from collections.abc import Collection

from kvmreconcile.model import (
    Action,
    Applied,
    Cost,
    Held,
    Hold,
    Key,
    Lifecycle,
    Policy,
    Reason,
    Removal,
    Unknown,
    World,
)
from kvmreconcile.model.verbs import REMOVE
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Change
from kvmreconcile.tree.variants import for_secrets


def removal_facts(key: Key, users: Collection[Key], world: World) -> Removal | None:
    """
    Return the facts that decide the effect of removing an object.

    Returns None if the object cannot be observed. `users`: the objects that refer to it.
    """
    observed = world.observed
    actual = observed.actual(key)
    if actual is None:
        return None
    seen = (observed.actual(user) for user in sorted(users))
    inside = (other for other in observed.objects if other.name.startswith(f"{key.name}/"))
    unread = (str(other) for other, each in observed.objects.items() if isinstance(each, Unknown))
    return Removal(
        actual=actual,
        policy=_policy(world.applied[key]),
        users=tuple(filter(None, seen)),
        contents=tuple(sorted(other for other in inside if other.kind != key.kind)),
        unlisted=(*(unobservable.prefix for unobservable in observed.unobservable), *unread),
    )


def removal(applied: Applied, facts: Removal | None, kind: Rulebook) -> tuple[Action, Held | None]:
    """
    Return the step that removes an object, and its hold.

    The hold is None if the object can be removed. No approval releases the hold.

    Args:
        applied: The state record of the object.
        facts: The facts about the object; None if it cannot be observed.
    """
    cost = kind.cost(facts) if facts else Cost()
    rules = for_secrets(kind.rules, applied.secrets)
    changes = (Change((), "", facts.actual.tree, None, rules.secrets),) if facts else ()
    action = Action(
        applied.key, REMOVE, cost.effect, Reason.GONE, changes, notes=cost.notes, policy=_policy(applied)
    )
    return action, Held(action, Hold.LEFTOVERS, *cost.kept) if cost.kept else None


def _policy(applied: Applied) -> Policy:
    return Policy(protect=applied.protect, lifecycle=Lifecycle(removal=applied.removal))
