"""Describe the result of `resume`, for the daemon and the command line."""

from collections.abc import Mapping
from datetime import datetime

from kvmreconcile.model import Commands, Key, Suspension

Left = Mapping[Key | None, Suspension]


def describe_resumption(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """
    Return a message which says that a suspension was lifted, and which suspensions remain.

    Args:
        key: The resumed object; None if the suspension of all objects was lifted.
        left: The remaining suspensions, by object (None for all objects); expired suspensions are ignored.
        commands: Builds the command lines in the message.
    """
    still = _still(key, left, now, commands)
    if key is None:
        return f"the suspension of all objects is lifted{still}"
    return f"{key} is no longer suspended individually{still}" if still else f"{key} is resumed"


def describe_not_suspended(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """Return a message which says that there was no suspension to lift; see `describe_resumption`."""
    what = f"{key} was not suspended individually" if key else "there was no suspension of all objects"
    return what + _still(key, left, now, commands)


def _still(key: Key | None, left: Left, now: datetime, commands: Commands) -> str:
    """Return the part of a message about remaining suspensions of the object, or "" if there are none."""
    held = [other for other, suspension in left.items() if suspension.holds(now)]
    if key is None:
        names = ", ".join(sorted(str(other) for other in held if other))
        return f"; still suspended individually: {names}" if names else ""
    command = commands.kvmreconcile("resume", "--all")
    return f", but all objects are suspended; to resume: {command}" if None in held else ""
