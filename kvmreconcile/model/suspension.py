"""Define suspensions: orders that no action is executed on an object."""

from dataclasses import dataclass
from datetime import UTC, datetime

LATEST = datetime(9999, 12, 31, 9, 59, 59, tzinfo=UTC)
"""The latest moment whose date can be represented in every time zone; the furthest is 14 hours ahead of UTC."""


@dataclass(frozen=True, slots=True)
class Suspension:
    """
    An order that no action is executed on an object, or on any.

    Attributes:
        until: When it ends by itself, with zone; None for not before it is resumed.
        why: The reason that the user gave, "" for none.
        who: The user who gave the order.
    """

    since: datetime
    until: datetime | None = None
    why: str = ""
    who: str = ""

    def holds(self, now: datetime) -> bool:
        """Return whether it is in force at a time; at its end it no longer is."""
        return self.until is None or now < self.until
