"""
Hold edits of the location where an object stores its contents, such as a pool's path.

Such an edit moves no data, so the contents would be missing. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Actual, Apply, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.users import list_first

_RELEASE = (
    "move the data to the new place, or approve this plan; a volume that has a spec and is not found "
    "there is then held as missing, or created again without its present data"
)


def find_location_changes(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose location would change while they have contents, and the hold of each."""
    for key, actions in steps.items():
        actual = context.world.observed.actual(key)
        if actual is None or context.world.desired[key].policy.apply is Apply.OBSERVE:
            continue
        was, to_be = _places(actual, actions, context.kinds)
        inside = list(_inside(key, context)) if was != to_be else []
        if inside:
            what = f"{len(inside)} {inside[0].kind} object{'s are' if len(inside) > 1 else ' is'}"
            old, new = was or "the present place", to_be or "another place"
            detail = f"{what} in {old}, and the edit to {new} moves nothing: {list_first(inside)}"
            yield key, HoldReason(Hold.LEFT_BEHIND, detail, _RELEASE)


def _places(actual: Actual, actions: tuple[Action, ...], kinds: Rulebooks) -> tuple[str, str]:
    """Return the location in use, and the one that is in force after the steps."""
    place = kinds[actual.key.kind].place
    proposed = next((a.whole for a in actions if a.whole), actual.tree)
    return place(actual.live or actual.tree), place(proposed)


def _inside(key: Key, context: PlanContext) -> Iterator[Key]:
    """Yield the contents of an object: as observed, or as recorded if they cannot be observed."""
    world, kinds = context.world, context.kinds
    unobservable = (k for k, a in world.applied.items() if a.complete and world.observed.unobservable_part(k))
    for each in {*world.observed.objects, *unobservable}:
        is_data = each.kind in kinds and kinds[each.kind].data is not None
        if is_data and each.name.startswith(f"{key.name}/"):
            yield each
