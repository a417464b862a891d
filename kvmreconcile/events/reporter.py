"""
Tell followers of every step, whichever reporter was chosen.

Separate from the reporters, which are chosen by name: followers are told in any case.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from kvmreconcile.events.events import Follower, Looked, Stepped, tell
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


@dataclass(frozen=True, slots=True)
class FollowerReporter:
    """A reporter that passes everything on to another, and tells followers of each step that ends."""

    looked: Looked
    to: Reporter
    followers: tuple[Follower, ...]

    def started(self, action: Action) -> None:
        """Pass it on."""
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Pass it on, and tell followers."""
        self.to.finished(outcome)
        tell(self.followers, Stepped(datetime.now(UTC), self.looked, outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Pass it on."""
        self.to.settled(key, settled)
