"""
Guests that stand still, and are not simply set going again.

Separate because what brought a guest to a halt is a fact of the host, and no difference from its spec. Pure.
"""

from collections.abc import Sequence

from kvmreconcile.model import Action, Actual, Halt, Held, Hold

_TODO = {
    Halt.IO_ERROR: "mend its storage, then resume it: virsh resume {name}",
    Halt.WATCHDOG: "look what hangs, then resume or reset it: virsh resume {name}",
    Halt.PANIC: "save what tells why, then power it off: virsh destroy {name}",
    Halt.MIGRATION: "recover the migration where it was begun",
}
"""What a person does about each fault; who paused a guest by hand made none."""


def without_faulty(
    actions: Sequence[Action], actual: Actual | None
) -> tuple[tuple[Action, ...], tuple[Held, ...]]:
    """Split off what would resume a guest that a fault brought to a halt: what it writes next may be lost."""
    halt = actual.halt if actual else None
    if halt not in _TODO:
        return tuple(actions), ()
    held = (
        Held(a, Hold.FAULT, halt.value, _TODO[halt].format(name=a.key.name))
        for a in actions
        if a.verb == "resume"
    )
    return tuple(a for a in actions if a.verb != "resume"), tuple(held)
