"""Hold the steps on objects that need an object whose creation another gate holds. Pure."""

from collections.abc import Sequence

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext


def hold_dependents(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """
    Hold the steps on objects that need an object that does not exist and that no step creates.

    Objects that hold data are not counted: without them, an object is created, and only its start is held.
    """
    planned = {action.key for action in actions}
    missing: dict[Key, Key] = {}
    for action in actions:  # In order: an object comes after those that it needs.
        needs = sorted(context.needs.direct.get(action.key, ()))
        lacking = next((n for n in needs if n in missing or _is_missing(n, planned, context)), None)
        if lacking is None:
            continue
        missing[action.key] = lacking
    allowed = [action for action in actions if action.key not in missing]
    held = [_reason(missing[action.key]).on(action) for action in actions if action.key in missing]
    return allowed, held


def _is_missing(key: Key, planned: set[Key], context: PlanContext) -> bool:
    """Return whether an object of a spec is proved absent, and is not created."""
    world, kind = context.world, context.kinds.get(key.kind)
    if key in planned or key not in world.desired or kind is None or kind.data:
        return False
    return key not in world.observed.objects and not world.observed.unobservable_part(key)


def _reason(lacking: Key) -> HoldReason:
    what = f"{lacking} does not exist, and the steps that create it are held"
    return HoldReason(Hold.BROKEN, what, f"it continues when {lacking} exists")
