"""Describe the result of `resume`, for the daemon and the command line."""

from collections.abc import Mapping
from datetime import datetime

from kvmreconcile.model import Commands, Key, Suspension

Left = Mapping[Key | None, Suspension]


def describe_resumption(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """
    Describe that the suspension of an object, or with None that of all objects, was lifted.

    Args:
        left: The remaining suspensions; expired ones are ignored.
    """
    still = _still(key, left, now, commands)
    if key is None:
        return f"the suspension of all objects is lifted{still}"
    return f"{key} is no longer suspended individually{still}" if still else f"{key} is resumed"


def describe_not_suspended(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """Describe that there was no suspension to lift."""
    what = f"{key} was not suspended individually" if key else "not all objects were suspended"
    return what + _still(key, left, now, commands)


def _still(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """Describe the suspensions that still hold the object, or with None any object; "" for none."""
    held = [other for other, suspension in left.items() if suspension.holds(now)]
    if key is None:
        names = ", ".join(sorted(str(other) for other in held if other))
        return f"; still suspended individually: {names}" if names else ""
    command = commands.kvmreconcile("resume", "--all")
    return f", but all objects are; to lift that: {command}" if None in held else ""
