"""
How one object stands, in one word and with what a person asks next: why, what helps, and until when.

Separate from working it out, because everything that tells people of objects needs only this.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from kvmreconcile.model import Hold, Key


class Condition(Enum):
    """In one word how an object stands; one that could be said to stand in two ways has the later of them."""

    READY = "Ready"
    """It is as its spec says."""
    PENDING = "Pending"
    """It is so once it starts anew: what is missing is stored."""
    UNREADY = "Unready"
    """It is as its spec says, and does not do its work."""
    HELD = "Held"
    """Something is to be done, and may not be now."""
    FAILED = "Failed"
    """Something was tried and failed, or has to be done again and again."""
    SUSPENDED = "Suspended"
    """Somebody said that it is to be left alone."""
    UNKNOWN = "Unknown"
    """libvirt could not tell."""
    CHANGING = "Changing"
    """It is being changed."""


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """
    How an object stands.

    Attributes:
        since: When it came into this condition, as far as this daemon has seen.
        why: For people; "" where the condition says it all.
        release: What helps, "" where nothing does or is needed.
        until: When it is over or tried again by itself, None for not.
        hold: The reason in one word, of an object that is held.
        verbs: What is being done, or would be.
        pending: Paths of what waits for the object's next start.
        source: Where its spec is, "" without one.
    """

    key: Key
    condition: Condition
    since: datetime
    why: str = ""
    release: str = ""
    until: datetime | None = None
    hold: Hold | None = None
    verbs: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    source: str = ""

    @property
    def is_converged(self) -> bool:
        """Tell whether the object is all that its spec asks for."""
        return self.condition is Condition.READY
