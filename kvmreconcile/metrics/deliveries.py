"""Collect metrics about notifications; without receivers, there are no such metrics."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from kvmreconcile.notify.receiver import Receiver


@dataclass(frozen=True, slots=True, eq=False)
class Deliveries(Collector):
    """Collector that reads the counters of all receivers at each scrape."""

    receivers: Sequence[Receiver]

    def collect(self) -> Iterator[Metric]:
        """Yield the number of notifications by result, and the number of dropped messages."""
        notifications = CounterMetricFamily(
            "kvmreconcile_notifications",
            "Attempts to send a notification, by result: sent or failed. "
            "A failed notification is retried until the daemon stops.",
            labels=["receiver", "result"],
        )
        left_out = CounterMetricFamily(
            "kvmreconcile_notifications_left_out",
            "Messages that were dropped because the queue was full.",
            labels=["receiver"],
        )
        for receiver in self.receivers:
            notifications.add_metric([receiver.name, "sent"], receiver.tally.sent)
            notifications.add_metric([receiver.name, "failed"], receiver.tally.failed)
            left_out.add_metric([receiver.name], receiver.tally.left_out)
        yield notifications
        yield left_out
