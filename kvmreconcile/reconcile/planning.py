"""Observe the objects that may have changed, and make a plan."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kvmreconcile.model import Plan, World
from kvmreconcile.plan import Overrides
from kvmreconcile.reconcile.approvals import Approval
from kvmreconcile.reconcile.stale_objects import StaleObjects
from kvmreconcile.session.session import Session
from kvmreconcile.source.loaded import Loaded


@dataclass(frozen=True, slots=True)
class PassStart:
    """
    The start of a pass.

    Attributes:
        at: The time by the wall clock.
        began_s: The time by the clock of passes.
        triggered_by: The triggers of the pass; empty for a retry.
        approval: The approval that the pass uses, None if there is none.
    """

    pass_id: str
    at: datetime
    began_s: float
    triggered_by: tuple[str, ...]
    approval: Approval | None = None


def observe_and_plan(
    session: Session, specs: Loaded, start: PassStart, stale: StaleObjects, report_alive: Callable[[], None]
) -> tuple[World, Plan]:
    """
    Observe the stale objects and make a plan. Return the world and the plan.

    Objects in the plan that were not stale are observed as well, and the plan is made again. So no
    step relies on an old observation.

    Args:
        report_alive: Called between observations.
    """
    overrides = Overrides(approved=start.approval.digest if start.approval else None)
    observed = None if stale.everything else set(stale.keys)
    session.mark_stale(stale.keys)
    world = session.observe(specs, start.at, observed)
    world, plan = session.plan_refreshed(world, overrides)
    while observed is not None and (old := plan.names - observed):
        report_alive()
        observed |= old
        world = session.observe(specs, start.at, old)
        world, plan = session.plan_refreshed(world, overrides)
    return world, plan
