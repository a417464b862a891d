"""
Which objects have drifted (others have changed them), and which drift was healed.

Separate from metrics and notifications, so that both mean the same by it.
"""

from collections.abc import Iterable

from kvmreconcile.events.events import PassFinished
from kvmreconcile.model import Action, Key, Reason, Result


def drifted(actions: Iterable[Action]) -> frozenset[Key]:
    """Return the objects that are acted on because others have changed them."""
    return frozenset(action.key for action in actions if action.reason is Reason.DRIFT)


def healed_by(acted: PassFinished) -> frozenset[Key]:
    """Return the drifted objects that a plan has brought back to what their specs say, in full."""
    outcomes = acted.report.outcomes
    undone = {o.action.key for o in outcomes if o.result is not Result.DONE}
    held = {held.action.key for held in acted.planned.plan.held}
    return drifted(o.action for o in outcomes) - undone - held
