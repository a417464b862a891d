"""
Add the step that completes an object before its start, such as creating a pool's directory.

The step is planned only for an object that has never been complete. If the object was complete and
its data is missing, the data may only be unavailable, for example because a pool's disk is not
mounted. Pure.
"""

from dataclasses import replace

from kvmreconcile.model import Action, Desired
from kvmreconcile.model.verbs import START, verb_of
from kvmreconcile.plan.compare.compare import Compared
from kvmreconcile.plan.rulebook import Rulebook
from kvmreconcile.tree import Effect


def with_completion(compared: Compared, desired: Desired, kind: Rulebook) -> Compared:
    """Return the steps on an object, with the kind's completing step (if any) before the start."""
    first = next((i for i, action in enumerate(compared.actions) if action.verb == START), None)
    if not kind.completing or first is None:
        return compared
    actions = compared.actions
    step = Action(
        desired.key, verb_of(kind.completing), Effect.LIVE, actions[first].reason, policy=desired.policy
    )
    return replace(compared, actions=(*actions[:first], step, *actions[first:]))


def after_edit(compared: Compared, desired: Desired, kind: Rulebook) -> Compared:
    """
    Return the steps on a complete object, with the step that completes it again if needed.

    That is the case if the steps change where the object stores its contents.
    """
    changes = (change for action in compared.actions for change in action.changes)
    is_incomplete = any(change.rule in kind.incomplete_after for change in changes)
    return with_completion(compared, desired, kind) if is_incomplete else compared
