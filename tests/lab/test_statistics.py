"""Metrics of domains, exported by a real daemon of a real guest."""

import socket
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.control.served import request
from tests.lab.daemon import Daemon
from tests.waiting import wait_until

WITHIN_S = 60
HUNG = (
    "apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {name: hung}\nspec: {type: qemu, memory: 32MiB}\n"
)


@pytest.fixture
def measured(daemon: Daemon, tmp_path: Path) -> Daemon:
    """A daemon that exports metrics of its guest."""
    daemon.environment["KVMRECONCILE_CONTROL"] = f"{{socket: {tmp_path}/control.sock}}"
    daemon.environment["KVMRECONCILE_METRICS"] = "{domains: true, interval: 1s}"
    daemon.edit("web1.yaml", "  disks:", "  memballoon: {model: virtio, statsPeriod: 1}\n  disks:")
    daemon.start()
    daemon.wait_for("action.done", key="Domain/web1", verb="start")
    wait_until(
        lambda: metric(daemon, "info_state", state_desc="the domain is running") == 1, "it runs", WITHIN_S
    )
    return daemon


def scrape(daemon: Daemon) -> str:
    """Return the metrics page, empty while the daemon does not answer."""
    answer = b""
    with socket.socket(socket.AF_UNIX) as connection, suppress(FileNotFoundError, ConnectionRefusedError):
        connection.settimeout(WITHIN_S)
        connection.connect(str(daemon.specs.parent / "control.sock"))
        connection.sendall(request("GET /metrics"))
        while more := connection.recv(65536):
            answer += more
    return answer.decode().partition("\r\n\r\n")[2]


def metric(daemon: Daemon, name: str, **labels: str) -> float | None:
    """Return the value of a metric of the guest "web1" unless the labels name another; None if there is none."""
    wanted = f"libvirt_domain_{name}", {"domain": "web1", **labels}
    for family in text_string_to_metric_families(scrape(daemon)):
        for sample in family.samples:
            if (sample.name, sample.labels) == wanted:
                return sample.value
    return None


def is_reported(daemon: Daemon, name: str, **labels: str) -> bool:
    return bool(metric(daemon, name, **labels))


def test_running_guest_has_metrics_with_its_disk_and_its_interface(measured: Daemon) -> None:
    interface = measured.lab.virsh("domiflist", "web1").split()[0]
    assert metric(measured, "info_maximum_memory_bytes") == 96 * 1024 * 1024
    for name, labels in (
        ("info_cpu_time_seconds_total", {}),
        ("memory_stats_unused_bytes", {}),
        ("block_stats_read_bytes_total", {"target_device": "vda"}),
        ("interface_stats_transmit_bytes_total", {"target_device": interface}),
    ):
        wait_until(partial(is_reported, measured, name, **labels), f"{name} is reported", WITHIN_S)


def test_metrics_are_missing_while_libvirt_hangs_and_return_afterwards(measured: Daemon) -> None:
    with measured.lab.frozen():
        wait_until(lambda: metric(measured, "info_virtual_cpus") is None, "nothing is reported", WITHIN_S)

        assert "\nlibvirt_up 0.0\n" in scrape(measured)
    wait_until(lambda: metric(measured, "info_virtual_cpus") == 1, "it is reported again", WITHIN_S)


def test_guest_with_a_hanging_qemu_does_not_hide_metrics_of_other_guests(measured: Daemon) -> None:
    (measured.specs / "hung.yaml").write_text(HUNG)
    measured.wait_for("action.done", key="Domain/hung", verb="start")
    wait_until(
        partial(is_reported, measured, "memory_stats_rss_bytes", domain="hung"), "it is reported", WITHIN_S
    )
    pid = measured.lab.exec("cat", "/run/libvirt/qemu/hung.pid").strip()

    measured.lab.signal("STOP", "qemu-system", pid)
    wait_until(
        lambda: (
            not is_reported(measured, "memory_stats_rss_bytes", domain="hung")
            and is_reported(measured, "memory_stats_rss_bytes")
        ),
        "only the other is reported",
        WITHIN_S,
    )
    measured.lab.signal("CONT", "qemu-system", pid)

    wait_until(
        partial(is_reported, measured, "memory_stats_rss_bytes", domain="hung"), "it is reported", WITHIN_S
    )
