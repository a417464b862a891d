"""
Hold the creation of objects that may still exist on another host, so that a guest never runs on two hosts.

This host cannot ask the others, so a user confirms by an approval that the object is gone there. Pure.
"""

from collections.abc import Sequence

from kvmreconcile.model import Action, Held, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext


def hold_moved(
    actions: Sequence[Action], context: PlanContext, _limits: object
) -> tuple[list[Action], list[Held]]:
    """Hold the steps on objects that were placed on another host, or whose data another host may use."""
    reasons = {key: reason for key in {a.key for a in actions} if (reason := find_moved(key, context))}
    for key, reason in list(reasons.items()):
        # If the data were changed or recorded now, it would count as this host's in the next pass.
        reasons |= dict.fromkeys(foreign_data(key, context), reason)
    held = [reasons[a.key].on(a) for a in actions if a.key in reasons]
    return [a for a in actions if a.key not in reasons], held


def find_moved(key: Key, context: PlanContext) -> HoldReason | None:
    """Return the hold of all steps on an object, None if it is not one that moves here."""
    world, kind = context.world, context.kinds[key.kind]
    desired = world.desired[key]
    where = world.moved_here.get(key)
    if where and (kind.one_host or kind.data):
        release = f"remove it from {where}, then approve this plan"
        return HoldReason(Hold.MOVED, f"its spec placed it on {where} until now", release)
    is_new = world.observed.actual(key) is None and key not in world.applied
    if not (is_new and desired.placed and kind.one_host):
        return None
    foreign = foreign_data(key, context)
    if not foreign:
        return None
    what = f"{foreign[0]} exists and was not created by this host"
    return HoldReason(Hold.MOVED, what, f"make sure that {key} is on no other host, then approve this plan")


def foreign_data(key: Key, context: PlanContext) -> list[Key]:
    """Return the data that an object needs and that exists although this host has never managed it."""
    return sorted(need for need in context.needs.direct.get(key, ()) if _is_foreign(need, context))


def _is_foreign(key: Key, context: PlanContext) -> bool:
    world, kind = context.world, context.kinds.get(key.kind)
    return bool(kind and kind.data and world.observed.actual(key) and key not in world.applied)
