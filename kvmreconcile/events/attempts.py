"""Describe the last attempts to change an object, and the delay before the next attempt."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model import Key, Observation, Shortage


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
    """How an attempt ended."""

    PASSING = "temporary error"
    """An error such as a lock."""
    UNCLEAR = "unclear error"
    """libvirt does not report whether the error is temporary; for example, another object may have been restarting."""
    UNRECORDED = "state not written"
    """The state cannot be written, and no event tells when it can be written again."""
    LASTING = "permanent error"
    """An error that is likely to last until a user changes something."""
    DONE = "success"
    """Success, but the same work may soon be needed again, as for a guest that crashes at every start."""


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
