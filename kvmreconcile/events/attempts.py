"""Describe the last attempts to change an object, and the delay before the next attempt."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model import Key, Observation, Shortage

FREE_REPEATS = 2
"""How often the same work may be repeated without a delay."""


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """
    What a plan does to one object; if a later plan has equal work, that is another attempt at it.

    Attributes:
        digest: Of the object's actions.
        waits_for: The objects that the actions need or follow.
    """

    digest: str
    waits_for: tuple[Key, ...] = ()


class AttemptResult(Enum):
    """How an attempt ended; the value is the delay before the second attempt and the longest delay, in seconds."""

    PASSING = (1.0, 300.0)
    """A temporary error, such as a lock."""
    UNCLEAR = (2.0, 3600.0)
    """libvirt does not report whether the error is temporary; for example, another object may have been restarting."""
    UNRECORDED = (1.0, 15.0)
    """The state cannot be written; retried often, since no event tells when it can be written again."""
    LASTING = (300.0, 3600.0)
    """An error that is likely to last until a user changes something."""
    DONE = (0.25, 300.0)
    """Success, but the same work may soon be needed again, as for a guest that crashes at every start."""

    def wait_s(self, attempts: int) -> float:
        """Return how long to wait after this number of attempts at the same work."""
        first_s, longest_s = self.value
        if self is AttemptResult.DONE and attempts <= FREE_REPEATS:
            return 0.0
        return float(min(first_s * 2 ** min(attempts - 1, 30), longest_s))


@dataclass(frozen=True, slots=True)
class Wait:
    """
    The last attempt at one object.

    Attributes:
        shortage: The resource that was missing; the wait ends as soon as there is enough of it.
        successes: How many of the attempts succeeded.
    """

    work: PlannedWork
    attempts: int
    attempt_result: AttemptResult
    due_s: float
    shortage: Shortage | None = None
    successes: int = 0

    def can_end(self, seen: Observation) -> bool:
        """Return whether the host now has enough of the missing resource."""
        container = seen.actual(self.shortage.of) if self.shortage else None
        left = container.available if container else None
        return self.shortage is not None and left is not None and left >= self.shortage.needed
