"""Define suspensions, during which no action is executed on an object."""

from dataclasses import dataclass
from datetime import UTC, datetime

LATEST = datetime(9999, 12, 31, 9, 59, 59, tzinfo=UTC)
"""The latest time that has a valid date in every time zone, up to 14 hours ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """
    A suspension of one object or of all objects.

    Attributes:
        since: When the suspension began, with zone.
        until: When the suspension expires, with zone; None if it lasts until a user resumes the object.
        why: The reason that the user gave; "" for none.
        who: The user who suspended the object.
    """

    since: datetime
    until: datetime | None = None
    why: str = ""
    who: str = ""

    def holds(self, now: datetime) -> bool:
        """Return whether the suspension is in force at the time `now`; `until` is exclusive."""
        return self.until is None or now < self.until
