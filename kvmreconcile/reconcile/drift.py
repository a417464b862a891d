"""Find objects that have drifted from an unchanged spec, and objects whose drift was corrected."""

from collections.abc import Iterable

from kvmreconcile.events.events import PassFinished
from kvmreconcile.model import Action, Key, Reason, Result


def find_drifted(actions: Iterable[Action]) -> frozenset[Key]:
    """Return the objects with steps that correct drift."""
    return frozenset(action.key for action in actions if action.reason is Reason.DRIFT)


def find_healed(finished: PassFinished) -> frozenset[Key]:
    """Return the drifted objects for which all steps succeeded and no step is held."""
    outcomes = finished.report.outcomes
    undone = {o.action.key for o in outcomes if o.result is not Result.DONE}
    held = {held.action.key for held in finished.pass_planned.plan.held}
    return find_drifted(o.action for o in outcomes) - undone - held
