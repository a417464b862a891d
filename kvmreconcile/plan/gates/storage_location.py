"""
Hold edits to the location where an object stores its contents, such as a pool's path.

These edits do not move data, so the contents would be missing afterwards. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Actual, Apply, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.users import list_first

_RELEASE = (
    "move the data to the new location, or approve this plan; volumes with a spec that are missing there "
    "are then held, or created again without their data"
)


def find_location_changes(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects that have contents and whose location would change, each with its hold."""
    for key, actions in steps.items():
        actual = context.world.observed.actual(key)
        if actual is None or context.world.desired[key].policy.apply is Apply.OBSERVE:
            continue
        was, to_be = _places(actual, actions, context.kinds)
        inside = list(_inside(key, context)) if was != to_be else []
        if inside:
            what = f"{len(inside)} {inside[0].kind} object{'s are' if len(inside) > 1 else ' is'}"
            old, new = was or "the present location", to_be or "another location"
            detail = f"{what} in {old}, and would not be moved to {new}: {list_first(inside)}"
            yield key, HoldReason(Hold.LEFT_BEHIND, detail, _RELEASE)


def _places(actual: Actual, actions: tuple[Action, ...], kinds: Rulebooks) -> tuple[str, str]:
    """Return the location in use, and the location after the steps."""
    place = kinds[actual.key.kind].place
    proposed = next((a.whole for a in actions if a.whole), actual.tree)
    return place(actual.live or actual.tree), place(proposed)


def _inside(key: Key, context: PlanContext) -> Iterator[Key]:
    """
    Yield the contents of an object.

    Contents that cannot be observed are taken from the state.
    """
    world, kinds = context.world, context.kinds
    unobservable = (k for k, a in world.applied.items() if a.complete and world.observed.unobservable_part(k))
    for each in {*world.observed.objects, *unobservable}:
        is_data = each.kind in kinds and kinds[each.kind].data is not None
        if is_data and each.name.startswith(f"{key.name}/"):
            yield each
