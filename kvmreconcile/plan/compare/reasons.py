"""
Mark steps that complete an earlier edit as an edit, not as a correction of drift.

A change that was stored in an earlier pass and waits for a start is not drift. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace

from kvmreconcile.model import Action, Reason, StoredEdit
from kvmreconcile.plan.compare.cache import View
from kvmreconcile.plan.compare.in_force import rules_for
from kvmreconcile.plan.compare.pending import still_pending
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Rules, overlap


def with_edits(
    actions: Sequence[Action], view: View, edit: StoredEdit | None, kind: Rulebook
) -> tuple[Action, ...]:
    """Return the steps on an object. Steps that apply an earlier edit get the reason EDIT."""
    if view.actual is None or all(action.reason is not Reason.DRIFT for action in actions):
        return tuple(actions)
    rules = rules_for(view.desired, kind)
    waiting = [change.steps for change in edit.changes] if edit else []
    waiting += (
        [each.steps for each in still_pending(view.applied, view.actual, rules)] if view.applied else []
    )
    return tuple(
        replace(action, reason=Reason.EDIT) if _brings(action, waiting, rules) else action
        for action in actions
    )


def _brings(action: Action, waiting: Sequence[tuple[str, ...]], rules: Rules) -> bool:
    if action.reason is not Reason.DRIFT or action.verb.edits:
        return False
    # While an edit is pending, the action on a reboot of the guest is changed for this edit.
    for_reboot = bool(waiting) and any(change.rule in rules.rebooting for change in action.changes)
    return for_reboot or any(overlap(c.steps, steps) for c in action.changes for steps in waiting)
