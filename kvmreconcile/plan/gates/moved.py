"""
Hold the creation of objects that may still exist on another host, so that a guest never runs on two hosts.

This host cannot ask the others, so a user confirms by an approval that the object is gone there. Pure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext


def hold_moved(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold the steps on objects that were placed on another host, or whose data another host may use."""
    reasons = find_moved(context)
    held = [reasons[a.key].on(a) for a in actions if a.key in reasons]
    return [a for a in actions if a.key not in reasons], held


def find_moved(context: PlanContext) -> Mapping[Key, HoldReason]:
    """Return the holds of objects that were placed on another host, or whose data another host may use."""
    return {**_foreign_data_reasons(context), **_placement_reasons(context)}


def foreign_data(context: PlanContext, created: Collection[Key] = ()) -> frozenset[Key]:
    """
    Return the data that a guest on another host may use.

    It exists although this host has never managed it, and a placed guest that needs it is not here. It is not
    recorded as managed before the guest is created: it would no longer differ from data of this host.

    Args:
        created: The guests to leave out, as they are about to be created here.
    """
    return frozenset().union(*(data for key, data in _guests(context) if key not in created))


def _placement_reasons(context: PlanContext) -> Mapping[Key, HoldReason]:
    return {
        key: HoldReason(
            Hold.MOVED,
            f"its spec placed it on {where} until now",
            f"remove it from {where}, then approve this plan",
        )
        for key, where in context.world.moved_here.items()
        if (kind := context.kinds.get(key.kind)) and (kind.one_host or kind.data)
    }


def _foreign_data_reasons(context: PlanContext) -> Mapping[Key, HoldReason]:
    """Return the holds of placed guests that are not here and need foreign data, and of that data."""
    reasons: dict[Key, HoldReason] = {}
    for guest, data in _guests(context):
        what = f"{min(data)} exists and was not created by this host"
        todo = f"make sure that {guest} is on no other host, then approve this plan"
        reasons |= dict.fromkeys((guest, *data), HoldReason(Hold.MOVED, what, todo))
    return reasons


def _guests(context: PlanContext) -> Iterator[tuple[Key, frozenset[Key]]]:
    """Yield each placed guest that is not here and needs foreign data, with that data."""
    world = context.world
    for key, desired in world.desired.items():
        is_new = desired.placed and not (world.observed.actual(key) or key in world.applied)
        if is_new and context.kinds[key.kind].one_host:
            needs = context.needs.direct.get(key, ())
            if data := frozenset(need for need in needs if _is_foreign_data(need, context)):
                yield key, data


def _is_foreign_data(key: Key, context: PlanContext) -> bool:
    """Return whether an object holds data and exists although this host has never managed it."""
    world, kind = context.world, context.kinds.get(key.kind)
    return bool(kind and kind.data and world.observed.actual(key) and key not in world.applied)
