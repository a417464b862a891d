"""
Hold edits of the path where an object has its contents: the edit does not move the contents, which would be missing.

Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Actual, Apply, Hold, HoldReason, Key
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.uses import list_first
from kvmreconcile.plan.scene import Scene

_RELEASE = (
    "move the data to the new place, or approve this plan; a volume that has a spec and is not found "
    "there is then held as missing, or created again without its present data"
)


def find_left_behind(
    steps: Mapping[Key, tuple[Action, ...]], scene: Scene
) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose path would change while the old one contains something, and the hold of each."""
    for key, actions in steps.items():
        actual = scene.world.observed.actual(key)
        if actual is None or scene.world.desired[key].policy.apply is Apply.OBSERVE:
            continue
        was, to_be = _places(actual, actions, scene.kinds)
        inside = list(_inside(key, scene)) if was != to_be else []
        if inside:
            what = f"{len(inside)} {inside[0].kind} object{'s are' if len(inside) > 1 else ' is'}"
            old, new = was or "the present place", to_be or "another place"
            detail = f"{what} in {old}, and the edit to {new} moves nothing: {list_first(inside)}"
            yield key, HoldReason(Hold.LEFT_BEHIND, detail, _RELEASE)


def _places(actual: Actual, actions: tuple[Action, ...], kinds: Rulebooks) -> tuple[str, str]:
    """Return the place that an object uses now, and the one it will use once its steps are effective."""
    place = kinds[actual.key.kind].place
    proposed = next((a.whole for a in actions if a.whole), actual.tree)
    return place(actual.live or actual.tree), place(proposed)


def _inside(key: Key, scene: Scene) -> Iterator[Key]:
    """Yield the contents of an object: as observed or, if it cannot be observed, as recorded."""
    world, kinds = scene.world, scene.kinds
    unobservable = (k for k, a in world.applied.items() if a.complete and world.observed.unobservable_part(k))
    for each in {*world.observed.objects, *unobservable}:
        is_data = each.kind in kinds and kinds[each.kind].data is not None
        if is_data and each.name.startswith(f"{key.name}/"):
            yield each
