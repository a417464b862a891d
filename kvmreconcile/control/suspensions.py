"""Say what a resumption changes, in the words that the daemon and the command line share."""

from collections.abc import Mapping
from datetime import datetime

from kvmreconcile.model import Key, Suspension


def resumed(key: Key | None, left: Mapping[Key | None, Suspension], now: datetime) -> str:
    """
    Return what it means that the suspension of an object, or with None that of all objects, was lifted.

    Args:
        left: The suspensions that there still are; one that is over counts for nothing.
    """
    held = [other for other, suspension in left.items() if suspension.holds(now)]
    if key is None:
        names = ", ".join(sorted(str(other) for other in held if other))
        still = f"; still suspended individually: {names}" if names else ""
        return f"the suspension of all objects is lifted{still}"
    if None in held:
        return f"{key} is no longer suspended individually, but all objects are: kvmreconcile resume --all"
    return f"{key} is resumed"


def not_suspended(key: Key | None) -> str:
    """Say that there was nothing to lift."""
    return f"{key} was not suspended individually" if key else "no suspension of all objects was in force"
