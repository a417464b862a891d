"""Define the condition of an object, with its reason, the action for users, and its end."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from kvmreconcile.model import Hold, Key


class Condition(Enum):
    """Condition of an object. If several conditions apply, the condition listed last is used."""

    READY = "Ready"
    """The object matches its spec."""
    PENDING = "Pending"
    """The remaining changes are stored and take effect at the next start."""
    UNREADY = "Unready"
    """The object matches its spec, but its readiness check fails."""
    HELD = "Held"
    """Changes are planned, but may not be made now."""
    FAILED = "Failed"
    """A change failed, or a change is planned repeatedly although it succeeds."""
    SUSPENDED = "Suspended"
    """A user suspended the reconciliation of the object."""
    UNKNOWN = "Unknown"
    """libvirt did not report the object's state."""
    CHANGING = "Changing"
    """The object is being changed."""


@dataclass(frozen=True, slots=True)
class ObjectStatus:
    """
    The condition of an object and its details.

    Attributes:
        since: When this daemon first observed the condition.
        why: The reason to show to users; "" if the condition needs no reason.
        release: What a user can do about the condition; "" if nothing is needed or possible.
        until: When the condition ends or the change is retried; None if neither happens automatically.
        hold: The reason code of a held object; None if the object is not held.
        verbs: The verbs of the steps that are executed or planned.
        pending: The paths of the changes that take effect at the object's next start.
        source: The file and line of the object's spec; "" if there is no spec.
        owner: The document that generates the object; None if the object has a document of its own.
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
