"""The metrics of domains, under the names that dashboards use."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from kvmreconcile.host.statistics import DomainStatistics
from kvmreconcile.metrics.domains import DomainMetrics
from tests.metrics.figures import SHUT_OFF, WEB1

EXPECTED = {
    "info_maximum_memory_bytes": 196608 * 1024,
    "info_memory_usage_bytes": 98304 * 1024,
    "info_virtual_cpus": 2,
    "info_cpu_time_seconds_total": 0.58793695,
    "memory_stats_actual_balloon_bytes": 98304 * 1024,
    "memory_stats_rss_bytes": 120976 * 1024,
    "memory_stats_available_bytes": 80000 * 1024,
    "memory_stats_unused_bytes": 40000 * 1024,
    "memory_stats_usable_bytes": 60000 * 1024,
    "memory_stats_swap_in_bytes": 4096,
    "memory_stats_swap_out_bytes": 8192,
    "memory_stats_major_fault_total": 240,
    "memory_stats_minor_fault_total": 17654,
    "memory_stats_used_percent": 25,
}
EXPECTED_OF_DISK = {
    "read_bytes_total": 512,
    "read_requests_total": 1,
    "read_time_seconds_total": 0.075482,
    "write_bytes_total": 4096,
    "write_requests_total": 3,
    "write_time_seconds_total": 2.5,
    "flush_requests_total": 2,
    "flush_time_seconds_total": 1,
    "capacity_bytes": 67108864,
}
EXPECTED_OF_INTERFACE = {
    "receive_bytes_total": 90,
    "receive_packets_total": 1,
    "receive_errors_total": 2,
    "receive_drops_total": 3,
    "transmit_bytes_total": 180,
    "transmit_packets_total": 4,
    "transmit_errors_total": 5,
    "transmit_drops_total": 6,
}


def families(figures: Sequence[DomainStatistics] | None) -> list[Metric]:
    registry = CollectorRegistry()
    registry.register(DomainMetrics(lambda: figures))
    return list(text_string_to_metric_families(generate_latest(registry).decode()))


def samples(figures: Sequence[DomainStatistics] | None, **labels: str) -> dict[str, float]:
    """Return the samples with exactly these labels, by name."""
    found = (sample for family in families(figures) for sample in family.samples)
    return {sample.name: sample.value for sample in found if sample.labels == labels}


def named(prefix: str, values: Mapping[str, float]) -> dict[str, Any]:
    return {f"libvirt_domain_{prefix}{name}": pytest.approx(value) for name, value in values.items()}


def test_domain_metrics_are_in_bytes_and_seconds() -> None:
    assert samples([WEB1], domain="web1") == named("", EXPECTED)


def test_disk_metrics_are_labelled_by_target() -> None:
    assert samples([WEB1], domain="web1", target_device="vda") == named("block_stats_", EXPECTED_OF_DISK)


def test_interface_metrics_are_labelled_by_host_device() -> None:
    found = samples([WEB1], domain="web1", target_device="vnet0")

    assert found == named("interface_stats_", EXPECTED_OF_INTERFACE)


@pytest.mark.parametrize(
    ("state", "words"), [(1, "the domain is running"), (5, "the domain is shut off"), (99, "unknown")]
)
def test_domain_state_is_a_number_with_description(state: int, words: str) -> None:
    figures = DomainStatistics("web1", {"state.state": state}, {}, {})

    assert samples([figures], domain="web1", state_desc=words) == {"libvirt_domain_info_state": state}


def test_values_that_libvirt_does_not_report_are_omitted() -> None:
    assert samples([SHUT_OFF], domain="db1").keys() == {
        "libvirt_domain_info_memory_usage_bytes",
        "libvirt_domain_info_virtual_cpus",
        "libvirt_domain_memory_stats_actual_balloon_bytes",
    }
    assert samples([SHUT_OFF], domain="db1", target_device="vda") == {}
    assert samples([WEB1, DomainStatistics("new", {}, {}, {})]) == {"libvirt_up": 1, "libvirt_domains": 2}


def test_only_libvirt_up_is_exported_without_sample() -> None:
    (only,) = families(None)

    assert [(sample.name, sample.value) for sample in only.samples] == [("libvirt_up", 0)]
