"""Publish an event for every step that ends, independently of the reporter that the settings select."""

from dataclasses import dataclass
from datetime import UTC, datetime

from kvmreconcile.events.events import ActionFinished, PassPlanned, Subscriber, publish
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


@dataclass(frozen=True, slots=True)
class PublishingReporter:
    """Forward everything to another reporter, and publish each step that ends."""

    pass_planned: PassPlanned
    to: Reporter
    subscribers: tuple[Subscriber, ...]

    def started(self, action: Action) -> None:
        """Forward that a step starts."""
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Forward the outcome of a step, and publish it."""
        self.to.finished(outcome)
        publish(self.subscribers, ActionFinished(datetime.now(UTC), self.pass_planned, outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Forward a value for which libvirt stores another one than requested."""
        self.to.settled(key, settled)
