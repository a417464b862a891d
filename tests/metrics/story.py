"""Publish events to the metrics of a daemon, for the tests of metrics and of their documentation."""

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.events.events import ActionFinished, PassEvent, PassFinished, PassPlanned
from kvmreconcile.metrics import Metrics
from kvmreconcile.metrics.deliveries import Deliveries
from kvmreconcile.model import Outcome, Report, Result
from kvmreconcile.notify.messages import Topic
from kvmreconcile.notify.receiver import Receiver
from kvmreconcile.settings.settings import Settings
from tests.status.events import NOON, wait


class Daemon:
    """The subscribers of a daemon that metrics need; tests publish the events."""

    def __init__(self) -> None:
        self.pending_triggers = ["Domain/web"]
        self._latest_status = LatestStatus(Settings(host="kvm1"), "1.0")
        self.receiver = Receiver("mail", "kvm1", tuple(Topic), 0.0, lambda _title, _text: True)
        self.metrics = Metrics(lambda: self._latest_status.status, lambda: self.pending_triggers)
        self.metrics.add(Deliveries([self.receiver]))

    def publish(self, *events: PassEvent) -> None:
        for each in events:
            self._latest_status(each)
            self.metrics(each)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a metric, None if it has no sample."""
        for family in text_string_to_metric_families(self.metrics.render().decode()):
            for sample in family.samples:
                if (sample.name, sample.labels) == (f"kvmreconcile_{name}", labels):
                    return sample.value
        return None


def events_of_end(first: PassPlanned, result: Result, failure: str = "") -> Iterator[PassEvent]:
    """Yield the events of a pass in which all steps have the same result."""
    outcomes = tuple(
        Outcome(a, result, 0.5, failure and "no", failure=failure) for a in first.allowed.actions
    )
    yield from (ActionFinished(NOON, first, outcome) for outcome in outcomes)
    waits = {a.key: wait() for a in first.allowed.actions} if failure else {}
    yield PassFinished(first, Report(first.allowed, outcomes), waits, 0.7)
