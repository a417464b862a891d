"""Publish an event for each finished step, in addition to the configured reporter."""

from dataclasses import dataclass
from datetime import UTC, datetime

from kvmreconcile.events.events import ActionFinished, PassPlanned, Subscriber, publish
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


@dataclass(frozen=True, slots=True)
class PublishingReporter:
    """
    A reporter that publishes finished steps and forwards all calls to another reporter.

    Attributes:
        to: The other reporter.
    """

    pass_planned: PassPlanned
    to: Reporter
    subscribers: tuple[Subscriber, ...]

    def started(self, action: Action) -> None:
        """Forward the start of a step."""
        self.to.started(action)

    def finished(self, outcome: Outcome) -> None:
        """Forward the outcome of a step, and publish it."""
        self.to.finished(outcome)
        publish(self.subscribers, ActionFinished(datetime.now(UTC), self.pass_planned, outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Forward a value that libvirt stores differently than requested."""
        self.to.settled(key, settled)
