"""
What others have changed, and what of it was set right.

Separate from those who count it or tell of it, so that all mean the same by it.
"""

from collections.abc import Iterable

from kvmreconcile.model import Action, Key, Reason, Result
from kvmreconcile.passes.news import Acted


def drifted(actions: Iterable[Action]) -> frozenset[Key]:
    """Return what is to be acted on because others have changed it."""
    return frozenset(action.key for action in actions if action.reason is Reason.DRIFT)


def healed_by(acted: Acted) -> frozenset[Key]:
    """Return what others had changed and is wholly as it should be again, now that a plan was carried out."""
    outcomes = acted.report.outcomes
    undone = {o.action.key for o in outcomes if o.result is not Result.DONE}
    held = {held.action.key for held in acted.looked.plan.held}
    return drifted(o.action for o in outcomes) - undone - held
