"""The daemon's notifications to systemd."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.daemon.systemd import notify, notify_status, watchdog_s
from kvmreconcile.events.events import Connected, Lost, OrderGiven, PassEvent, PassFailed, PassFinished
from kvmreconcile.model import Outcome, Plan, Report, Result
from tests.status.events import DB, LAN, WEB, action, pass_planned

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAIT_S = 30


@pytest.fixture
def connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.bind(str(tmp_path / "notify"))
        connection.settimeout(WAIT_S)
        yield connection


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Connected(NOW, "qemu:///system"), "STATUS=Connected to qemu:///system"),
        (
            Lost(NOW, "qemu:///system", "cannot connect\nREADY=1"),
            "STATUS=Not connected to libvirt: cannot connect",
        ),
        (PassFailed(NOW, "1", "disk full\nmore"), "STATUS=Last pass aborted: disk full"),
    ],
)
def test_status_line_for_an_event_is_one_line(connection: socket.socket, event: PassEvent, line: str) -> None:
    notify_status(event)

    assert connection.recv(1000).decode() == line


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            pass_planned(Plan((), in_sync=(WEB, DB, LAN)), commit="0123456789abcdef"),
            "3 in sync, commit 0123456789ab",
        ),
        (pass_planned(Plan((action(WEB),), in_sync=(DB, LAN))), "2 in sync, 1 to do"),
        (pass_planned(Plan((), in_sync=(WEB, DB, LAN)), busy=frozenset({WEB})), "2 in sync, 1 under way"),
    ],
)
def test_status_line_counts_objects_of_pass(connection: socket.socket, event: PassEvent, line: str) -> None:
    notify_status(event)

    assert connection.recv(1000).decode() == f"STATUS={line}"


def test_status_line_counts_failed_objects_but_no_skipped_steps(
    connection: socket.socket,
) -> None:
    define, start, other = action(WEB), action(WEB, "start"), action(DB)
    first = pass_planned(Plan((define, start, other), in_sync=(LAN,)))
    outcomes = (
        Outcome(define, Result.FAILED, error="libvirt will not"),
        Outcome(start, Result.SKIPPED, error="define failed"),
        Outcome(other, Result.SKIPPED, error="Domain/web failed"),
    )

    notify_status(PassFinished(first, Report(first.plan, outcomes), {}, 0.1))

    assert connection.recv(1000).decode() == "STATUS=1 in sync, 2 to do, 1 failed"


def test_order_does_not_change_status_line(connection: socket.socket) -> None:
    notify_status(OrderGiven(NOW, "reconcile", "", "root"))
    notify("READY=1")

    assert connection.recv(1000) == b"READY=1"


def test_notify_without_listener_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")

    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "within_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "180000000"}, 180.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": str(os.getpid())}, 180.0),
        ({"WATCHDOG_USEC": "180000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_watchdog_timeout_is_read_from_environment(
    environment: dict[str, str], within_s: float | None
) -> None:
    assert watchdog_s(environment) == within_s
