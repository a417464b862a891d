"""Describe the last attempts to change an object, and the delay before the next attempt."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model import Key, Observation, Shortage


@dataclass(frozen=True, slots=True)
class PlannedWork:
    """
    The steps of a plan on one object. A later plan with equal work is another attempt at this work.

    Attributes:
        digest: The digest of the steps.
        waits_for: The objects that the steps need or follow.
    """

    digest: str
    waits_for: tuple[Key, ...] = ()


class AttemptResult(Enum):
    """The result of an attempt, which determines the delay before the next one."""

    PASSING = "temporary error"
    """An error such as a lock."""
    UNCLEAR = "unclear error"
    """libvirt does not report whether the error is temporary; for example, another object may have been restarting."""
    UNRECORDED = "state not written"
    """The state could not be written. No event shows when writing is possible again."""
    LASTING = "permanent error"
    """An error that is likely to last until a user changes something."""
    DONE = "success"
    """
    Success.

    The same work may soon be needed again, for example if a guest crashes at every start.
    """


@dataclass(frozen=True, slots=True)
class Wait:
    """
    The last attempt to change one object, and the time of the next attempt.

    Attributes:
        work: The work of the attempt.
        attempts: Number of attempts at this work.
        attempt_result: The result of the last attempt.
        due_s: Time of the next attempt, by the clock of passes.
        shortage: The resource that was missing, or None. The wait ends when the host has enough of
            it.
        successes: Number of successful attempts.
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
