"""
Hold steps that would resume a guest paused by a fault, or start a guest that should stay off.

Pure.
"""

from collections.abc import Sequence

from kvmreconcile.model import (
    Action,
    Actual,
    Applied,
    Desired,
    Held,
    Hold,
    Manual,
    ManualCommands,
    Power,
    StateReason,
    domain_word,
)
from kvmreconcile.model.verbs import RESTART, START

_TODO = {
    StateReason.IO_ERROR: ("fix the storage error, then resume the guest", Manual.RESUME),
    StateReason.WATCHDOG: ("find out why the guest hung, reset it if needed, then resume it", Manual.RESUME),
    StateReason.PANIC: ("save a memory dump if needed, then power the guest off", Manual.POWER_OFF),
    StateReason.MIGRATION: ("recover the migration from its source host (--postcopy-resume)", None),
}
"""
What an administrator can do about each fault.

A guest paused by an administrator has no entry.
"""


def hold_paused(
    actions: Sequence[Action],
    desired: Desired,
    actual: Actual | None,
    applied: Applied | None,
    commands: ManualCommands,
) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """Hold steps that would resume a guest paused by a fault, or start one that should stay off."""
    if actual is None:
        return tuple(actions), ()
    left = stays_off(desired, actual, applied)
    held = [
        h
        for a in actions
        if (h := _faulty(a, actual, commands) or (_left(a, actual, commands) if left else None))
    ]
    return tuple(a for a in actions if all(a is not h.action for h in held)), tuple(held)


def stays_off(desired: Desired, actual: Actual, applied: Applied | None) -> bool:
    """
    Return whether a guest stays off because it was stopped outside kvmreconcile.

    This requires `onGuestStop: leave` in the spec. The record in the state has no digest while a
    step is running. If the guest stopped during a step, it does not stay off.
    """
    if applied is None or actual.active or desired.power is not Power.RUNNING:
        return False
    ran = applied.runtime_id is not None and applied.digest != ""
    return desired.policy.lifecycle.leave_stopped and (
        applied.left or (ran and actual.state_reason is StateReason.STOPPED)
    )


def _faulty(action: Action, actual: Actual, commands: ManualCommands) -> Held | None:
    """
    Return the hold of a step that would resume a guest paused by a fault, or None.

    Writes of the resumed guest might be lost.
    """
    goes_on = action.verb.resumes or action.verb == RESTART
    if not goes_on or actual.state_reason not in _TODO:
        return None
    todo = commands.after(*_TODO[actual.state_reason], domain_word(action.key.name, actual.uuid))
    return Held(action, Hold.FAULT, actual.state_reason.value, todo)


def _left(action: Action, actual: Actual, commands: ManualCommands) -> Held | None:
    if action.verb != START:
        return None
    todo = commands.after(
        'set "onGuestStop: restart", or start the guest',
        Manual.START,
        domain_word(action.key.name, actual.uuid),
    )
    return Held(action, Hold.LEFT, StateReason.STOPPED.value, todo)
