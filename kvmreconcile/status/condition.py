"""Define the condition of an object, with the reason, what to do about it, and when it ends."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from kvmreconcile.model import Hold, Key


class Condition(Enum):
    """Condition of an object. If several apply, the one listed last wins."""

    READY = "Ready"
    """The object matches its spec."""
    PENDING = "Pending"
    """The remaining changes are stored and take effect at the next start."""
    UNREADY = "Unready"
    """The object matches its spec, but its readiness check fails."""
    HELD = "Held"
    """Changes are planned, but may not be made now."""
    FAILED = "Failed"
    """A change failed, or the same change is needed again and again."""
    SUSPENDED = "Suspended"
    """A user suspended reconciling of the object."""
    UNKNOWN = "Unknown"
    """libvirt did not report the object's state."""
    CHANGING = "Changing"
    """The object is being changed."""


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """
    The condition of an object and its details.

    Attributes:
        since: When the object entered this condition, as far as this daemon observed.
        why: The reason for users; "" if the condition needs none.
        release: What to do about it, "" if nothing is needed or possible.
        until: When it ends or is retried automatically, None if it does not.
        hold: The reason code of an object that is held.
        verbs: The verbs of the steps that are executed or planned.
        pending: Paths of the changes that take effect at the object's next start.
        source: File and line of its spec, "" without one.
        owner: The document that stands for it; None if it has a document of its own.
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
    owner: Key | None = None

    @property
    def is_converged(self) -> bool:
        """Return whether the object matches its spec."""
        return self.condition is Condition.READY
