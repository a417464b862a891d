"""
Render the metrics of one daemon as text.

The metrics have their own registry, so that nothing else is exported.
"""

from collections.abc import Callable, Collection

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from kvmreconcile.events.events import PassEvent
from kvmreconcile.metrics.counts import PassCounters
from kvmreconcile.metrics.gauges import Gauges
from kvmreconcile.status import Status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Content type of the text that `render` returns."""


class Metrics:
    """Subscriber that counts events; any thread may render the metrics at any time."""

    def __init__(self, status: Callable[[], Status], pending_triggers: Callable[[], Collection[str]]) -> None:
        self._registry = CollectorRegistry()
        self._counts = PassCounters(self._registry)
        self.add(Gauges(status, pending_triggers, self._counts))
        # Processor time, memory and open files, from /proc.
        ProcessCollector(registry=self._registry)

    def __call__(self, event: PassEvent) -> None:
        """Count an event."""
        self._counts(event)

    def add(self, collector: Collector) -> None:
        """Add a collector, which is called at each scrape and must return without waiting."""
        self._registry.register(collector)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
