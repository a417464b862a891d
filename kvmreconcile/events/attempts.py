"""What the last attempts at an object ended in, and how long it waits for the next one."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model import Key, Observation, Shortage

Steps = tuple[str, tuple[Key, ...]]
"""What was to be done to an object: the digest of its actions, and what they waited for."""

FREE = 2
"""How often the same may be done again without waiting."""


class Fate(Enum):
    """How an attempt ended; its value is how many seconds to wait before the second attempt, and at most before any."""

    PASSING = (1.0, 300.0)
    """A temporary error, such as a lock."""
    UNCLEAR = (2.0, 3600.0)
    """libvirt does not say whether it is temporary: it may just have been another object's restart."""
    UNRECORDED = (1.0, 15.0)
    """The state cannot be written, which is tried again often: no event tells when it can be."""
    LASTING = (300.0, 3600.0)
    """An error that is likely to last until somebody changes something."""
    DONE = (0.25, 300.0)
    """Done, but it may soon have to be done again: a guest that dies at every start."""

    def wait_s(self, tries: int) -> float:
        """Return how long to wait after so many attempts at the same."""
        first_s, longest_s = self.value
        if self is Fate.DONE and tries <= FREE:
            return 0.0
        return float(min(first_s * 2 ** min(tries - 1, 30), longest_s))


@dataclass(frozen=True, slots=True)
class Wait:
    """
    What is known of the last attempts at one object.

    Attributes:
        shortage: What it lacked room in; once there is enough it need not wait any longer.
        done: How many of the attempts succeeded.
    """

    steps: Steps
    tries: int
    fate: Fate
    due_s: float
    shortage: Shortage | None = None
    done: int = 0

    def may_end(self, seen: Observation) -> bool:
        """Tell whether what was in the way is seen to be out of it."""
        container = seen.actual(self.shortage.of) if self.shortage else None
        left = container.available if container else None
        return self.shortage is not None and left is not None and left >= self.shortage.needed
