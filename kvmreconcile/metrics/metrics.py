"""
The metrics of one daemon, as text.

Separate from what is counted and how it is served. The registry is its own, so that nothing is told but this.
"""

from collections.abc import Callable, Collection

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.registry import Collector

from kvmreconcile.events.events import PassEvent
from kvmreconcile.metrics.counts import Counts
from kvmreconcile.metrics.gauges import Gauges
from kvmreconcile.status import Status

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""Of what `render` returns."""


class Metrics:
    """Follows the passes; any thread may render it at any time."""

    def __init__(self, status: Callable[[], Status], rings: Callable[[], Collection[str]]) -> None:
        self._registry = CollectorRegistry()
        self._counts = Counts(self._registry)
        self.add(Gauges(status, rings, self._counts))
        # Processor time, memory and open files, from /proc.
        ProcessCollector(registry=self._registry)

    def __call__(self, news: PassEvent) -> None:
        """Count a piece of news."""
        self._counts(news)

    def add(self, collector: Collector) -> None:
        """Have another asked in each scrape; it must answer from what it has at hand."""
        self._registry.register(collector)

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
