"""
Collect the resource usage of domains, under the metric names that libvirt dashboards use.

These metrics are disabled by default, because another exporter may already report them. Names, labels and descriptions
of states are the same as in https://github.com/inovex/prometheus-libvirt-exporter.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from kvmreconcile.host.statistics import DomainStatistics, Numbers

_KIB = 1024
_NS = 1e-9
_STATES = (
    "no state",
    "the domain is running",
    "the domain is blocked on resource",
    "the domain is paused by user",
    "the domain is being shut down",
    "the domain is shut off",
    "the domain is crashed",
    "the domain is suspended by guest power management",
)
"""Descriptions of states; the index is the number of the state in libvirt (virDomainState)."""


@dataclass(frozen=True, slots=True)
class _Row:
    """
    One metric of domains, disks or interfaces.

    Attributes:
        name: The name without the prefix "libvirt_domain_"; a metric whose name ends in "_total" is a counter.
        field: The name of the value in libvirt.
        about: The description.
        unit: The factor that converts libvirt's unit to the unit of the metric.
    """

    name: str
    field: str
    about: str
    unit: float = 1


_OF_DOMAINS = (
    _Row("info_maximum_memory_bytes", "balloon.maximum", "Maximum memory of the domain.", _KIB),
    _Row("info_memory_usage_bytes", "balloon.current", "Current memory of the domain.", _KIB),
    _Row("info_virtual_cpus", "vcpu.current", "Number of virtual processors that are plugged in."),
    _Row("info_cpu_time_seconds_total", "cpu.time", "Host processor time that the domain has used.", _NS),
    _Row(
        "memory_stats_actual_balloon_bytes",
        "balloon.current",
        "Memory that the balloon leaves to the guest.",
        _KIB,
    ),
    _Row("memory_stats_rss_bytes", "balloon.rss", "Host memory that the domain's process occupies.", _KIB),
    _Row("memory_stats_available_bytes", "balloon.available", "Memory visible to the guest.", _KIB),
    _Row("memory_stats_unused_bytes", "balloon.unused", "Memory that the guest does not use.", _KIB),
    _Row(
        "memory_stats_usable_bytes", "balloon.usable", "Memory that the guest can use without swapping.", _KIB
    ),
    _Row(
        "memory_stats_swap_in_bytes", "balloon.swap_in", "Amount that the guest has read from its swap.", _KIB
    ),
    _Row(
        "memory_stats_swap_out_bytes",
        "balloon.swap_out",
        "Amount that the guest has written to its swap.",
        _KIB,
    ),
    _Row("memory_stats_major_fault_total", "balloon.major_fault", "Page faults that had to wait for a disk."),
    _Row(
        "memory_stats_minor_fault_total",
        "balloon.minor_fault",
        "Page faults that did not have to wait for a disk.",
    ),
)
_OF_DISKS = (
    _Row("block_stats_read_bytes_total", "rd.bytes", "Bytes read."),
    _Row("block_stats_read_requests_total", "rd.reqs", "Requests to read."),
    _Row("block_stats_read_time_seconds_total", "rd.times", "Time that reading took.", _NS),
    _Row("block_stats_write_bytes_total", "wr.bytes", "Bytes written."),
    _Row("block_stats_write_requests_total", "wr.reqs", "Requests to write."),
    _Row("block_stats_write_time_seconds_total", "wr.times", "Time that writing took.", _NS),
    _Row("block_stats_flush_requests_total", "fl.reqs", "Requests to flush."),
    _Row("block_stats_flush_time_seconds_total", "fl.times", "Time that flushing took.", _NS),
    _Row("block_stats_capacity_bytes", "capacity", "Size of the disk as the guest sees it."),
)
_OF_INTERFACES = tuple(
    _Row(f"interface_stats_{way}_{what}_total", f"{short}.{field}", f"{about} {done}.")
    for way, short, done in (("receive", "rx", "received"), ("transmit", "tx", "sent"))
    for what, field, about in (
        ("bytes", "bytes", "Bytes that the guest has"),
        ("packets", "pkts", "Packets that the guest has"),
        ("errors", "errs", "Packets that could not be"),
        ("drops", "drop", "Packets dropped instead of being"),
    )
)

_Sources = Sequence[tuple[Sequence[str], Numbers]]
"""Label values, each with the numbers that libvirt reports."""


@dataclass(frozen=True, slots=True, eq=False)
class DomainMetrics(Collector):
    """
    Collector that reads the newest sample at each scrape.

    Attributes:
        newest: Returns the newest sample without waiting, or None if there is no sample.
    """

    newest: Callable[[], Sequence[DomainStatistics] | None]

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics of domains, or only `libvirt_up` if there is no sample."""
        figures = self.newest()
        yield _gauge(
            "libvirt_up", "Whether libvirt reports the resource usage of domains.", figures is not None
        )
        if figures is None:
            return
        yield _gauge("libvirt_domains", "Number of domains, active or not.", len(figures))
        yield _state_metric(figures)
        yield _memory_use_metric(figures)
        domains = [((each.domain,), each.numbers) for each in figures]
        disks = [((each.domain, name), of) for each in figures for name, of in each.disks.items()]
        nics = [((each.domain, name), of) for each in figures for name, of in each.interfaces.items()]
        yield from _families(_OF_DOMAINS, ["domain"], domains)
        yield from _families(_OF_DISKS, ["domain", "target_device"], disks)
        yield from _families(_OF_INTERFACES, ["domain", "target_device"], nics)


def _families(rows: Iterable[_Row], labels: Sequence[str], sources: _Sources) -> Iterator[Metric]:
    for row in rows:
        family = _family(f"libvirt_domain_{row.name}", row.about, labels)
        for names, numbers in sources:
            if (number := numbers.get(row.field)) is not None:
                family.add_metric(names, number * row.unit)
        yield family


def _family(name: str, about: str, labels: Sequence[str]) -> CounterMetricFamily | GaugeMetricFamily:
    if name.endswith("_total"):
        return CounterMetricFamily(name, about, labels=labels)
    return GaugeMetricFamily(name, about, labels=labels)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _state_metric(figures: Iterable[DomainStatistics]) -> Metric:
    about = "libvirt's number of the domain's state: 1 is running, 3 paused, 5 shut off."
    labels = ["domain", "state_desc"]
    family = GaugeMetricFamily("libvirt_domain_info_state", about, labels=labels)
    for each in figures:
        if (state := each.numbers.get("state.state")) is not None:
            family.add_metric([each.domain, _STATES[state] if state < len(_STATES) else "unknown"], state)
    return family


def _memory_use_metric(figures: Iterable[DomainStatistics]) -> Metric:
    about = "Percentage of the memory visible to the guest that is in use."
    family = GaugeMetricFamily("libvirt_domain_memory_stats_used_percent", about, labels=["domain"])
    for each in figures:
        available, usable = each.numbers.get("balloon.available"), each.numbers.get("balloon.usable")
        if available and usable is not None:
            family.add_metric([each.domain], 100 * (available - usable) / available)
    return family
