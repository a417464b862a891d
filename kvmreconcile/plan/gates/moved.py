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
    reasons = {key: _reason(key, context) for key in dict.fromkeys(a.key for a in actions)}
    held = [reason.on(a) for a in actions if (reason := reasons[a.key])]
    return [a for a in actions if not reasons[a.key]], held


def _reason(key: Key, context: PlanContext) -> HoldReason | None:
    """Return the hold of all steps on an object, None if it is not a newly placed one."""
    world, kind = context.world, context.kinds[key.kind]
    desired = world.desired.get(key)
    if desired is None:
        return None
    if where := world.moved_here.get(key):
        release = f"remove it from {where}, then approve this plan"
        return HoldReason(Hold.MOVED, f"its spec placed it on {where} until now", release)
    if not (desired.placed and kind.one_host) or world.observed.actual(key) or key in world.applied:
        return None
    foreign = sorted(need for need in context.needs.direct.get(key, ()) if _is_foreign_data(need, context))
    if not foreign:
        return None
    what = f"{foreign[0]} exists and was not created by this host"
    return HoldReason(Hold.MOVED, what, f"make sure that {key} is on no other host, then approve this plan")


def _is_foreign_data(key: Key, context: PlanContext) -> bool:
    """Return whether an object holds data and exists although this host has never managed it."""
    world, kind = context.world, context.kinds.get(key.kind)
    return bool(kind and kind.data and world.observed.actual(key) and key not in world.applied)
