"""
Tell followers of every step, whichever reporter was chosen.

Separate from the reporters, which are chosen by name: followers are told in any case.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from kvmreconcile.events.events import ActionFinished, PassPlanned, Subscriber, publish
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


@dataclass(frozen=True, slots=True)
class PublishingReporter:
    """A reporter that passes everything on to another, and tells followers of each step that ends."""

    planned: PassPlanned
    to: Reporter
    subscribers: tuple[Subscriber, ...]

    def started(self, action: Action) -> None:
        """Pass it on."""
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Pass it on, and tell followers."""
        self.to.finished(outcome)
        publish(self.subscribers, ActionFinished(datetime.now(UTC), self.planned, outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Pass it on."""
        self.to.settled(key, settled)
