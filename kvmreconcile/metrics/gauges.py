"""
Collect gauges, such as conditions of objects, holds, and the connection to libvirt.

All gauges are read from existing snapshots, so that a scrape never waits for libvirt.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from platform import python_version

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from kvmreconcile.metrics.counts import PassCounters
from kvmreconcile.model import Hold
from kvmreconcile.status import Condition, Status


@dataclass(frozen=True, slots=True, eq=False)
class Gauges(Collector):
    """
    Collector that reads all gauges at each scrape.

    Attributes:
        status: Returns the newest status snapshot.
        pending_triggers: Returns the triggers for which no pass has started yet.
        counts: The event counters, which some gauges are read from.
    """

    status: Callable[[], Status]
    pending_triggers: Callable[[], Collection[str]]
    counts: PassCounters

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge."""
        status, counts = self.status(), self.counts
        yield _build(status)
        yield _objects(status)
        yield _held(status)
        yield _drifting(status, counts)
        yield _gauge("libvirt_up", "Whether libvirt can be reached.", status.is_connected)
        yield _gauge(
            "paused",
            "Whether all objects were suspended when a pass last observed the host.",
            status.paused is not None,
        )
        yield _gauge(
            "pass_broken",
            "Whether a pass has been aborted since the last plan was made.",
            status.broken != "",
        )
        yield _gauge("state_lost", "Whether the state may be lost, as of the last plan.", status.lost != "")
        yield _gauge(
            "spec_problems", "Problems in specs or the state, as of the last plan.", len(status.problems)
        )
        yield _gauge(
            "hidden_parts",
            "Parts of the host that could not be observed, as of the last plan.",
            len(status.unobservable),
        )
        yield _gauge(
            "rings_waiting", "Triggers for which no pass has started yet.", len(self.pending_triggers())
        )
        yield _gauge("plans_under_way", "Plans that are being executed.", len(counts.under_way))
        yield _gauge(
            "last_success_timestamp_seconds",
            "When the last pass without a failure started; 0 if there was none since the daemon started.",
            _seconds(counts.succeeded) or 0,
        )
        yield from _revision(status, counts)


def _revision(status: Status, counts: PassCounters) -> Iterator[Metric]:
    known = status.revision
    yield _gauge(
        "revision_in_force_timestamp_seconds",
        "When this daemon began to use the current commit.",
        _seconds(known.since if known and known.commit else None),
    )
    yield _gauge(
        "revision_checked_timestamp_seconds",
        "When the repository last returned a commit that may be used.",
        _seconds(counts.checked_at),
    )
    yield _gauge(
        "revision_refused",
        "Whether the repository's newest commit could not be fetched or was refused.",
        counts.refused,
    )


def _build(status: Status) -> Metric:
    about, labels = "Versions of kvmreconcile and Python.", ["version", "python"]
    family = GaugeMetricFamily("kvmreconcile_build_info", about, labels=labels)
    family.add_metric([status.version, python_version()], 1)
    return family


def _objects(status: Status) -> Metric:
    about, labels = "Objects, by kind and condition.", ["kind", "condition"]
    family = GaugeMetricFamily("kvmreconcile_objects", about, labels=labels)
    found = Counter((key.kind, object_status.condition) for key, object_status in status.objects.items())
    for kind in _kinds(status):
        for condition in Condition:
            family.add_metric([kind, condition.value], found[kind, condition])
    return family


def _held(status: Status) -> Metric:
    family = GaugeMetricFamily("kvmreconcile_held_objects", "Held objects, by reason.", labels=["why"])
    found = Counter(object_status.hold for object_status in status.objects.values() if object_status.hold)
    for hold in Hold:
        family.add_metric([hold.name.lower()], found[hold])
    return family


def _drifting(status: Status, counts: PassCounters) -> Metric:
    about = "Objects that had drifted from their specs at the last plan and are not corrected yet."
    family = GaugeMetricFamily("kvmreconcile_drifting_objects", about, labels=["kind"])
    found = Counter(key.kind for key in counts.drifting)
    for kind in sorted({*_kinds(status), *found}):
        family.add_metric([kind], found[kind])
    return family


def _kinds(status: Status) -> list[str]:
    return sorted({key.kind for key in status.objects})


def _gauge(name: str, about: str, value: float | None) -> Metric:
    """Return a gauge with one value, or without a sample if the value is None (unknown)."""
    family = GaugeMetricFamily(f"kvmreconcile_{name}", about)
    if value is not None:
        family.add_metric([], value)
    return family


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None
