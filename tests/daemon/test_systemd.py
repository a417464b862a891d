"""What systemd hears of the daemon, one line at a time."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.daemon.systemd import notify, status, watchdog_s
from kvmreconcile.events.events import Connected, Lost, OrderGiven, PassEvent, PassFailed, PassFinished
from kvmreconcile.model import Outcome, Plan, Report, Result
from tests.status.told import DB, LAN, WEB, action, planned

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WAIT_S = 30


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.settimeout(WAIT_S)
        yield door


@pytest.mark.parametrize(
    ("news", "line"),
    [
        (Connected(NOW, "qemu:///system"), "STATUS=Connected to qemu:///system"),
        (
            Lost(NOW, "qemu:///system", "cannot connect\nREADY=1"),
            "STATUS=Not connected to libvirt: cannot connect",
        ),
        (PassFailed(NOW, "1", "disk full\nmore"), "STATUS=Last pass aborted: disk full"),
    ],
)
def test_news_is_one_line_whatever_is_in_it(door: socket.socket, news: PassEvent, line: str) -> None:
    status(news)

    assert door.recv(1000).decode() == line


@pytest.mark.parametrize(
    ("news", "line"),
    [
        (
            planned(Plan((), in_sync=(WEB, DB, LAN)), commit="0123456789abcdef"),
            "3 in sync, commit 0123456789ab",
        ),
        (planned(Plan((action(WEB),), in_sync=(DB, LAN))), "2 in sync, 1 to do"),
        (planned(Plan((), in_sync=(WEB, DB, LAN)), busy=frozenset({WEB})), "2 in sync, 1 under way"),
    ],
)
def test_pass_is_counted_and_what_is_being_done_is_not_done(
    door: socket.socket, news: PassEvent, line: str
) -> None:
    status(news)

    assert door.recv(1000).decode() == f"STATUS={line}"


def test_failed_objects_are_counted_and_not_the_steps_that_were_skipped_for_them(door: socket.socket) -> None:
    define, start, other = action(WEB), action(WEB, "start"), action(DB)
    first = planned(Plan((define, start, other), in_sync=(LAN,)))
    outcomes = (
        Outcome(define, Result.FAILED, error="libvirt will not"),
        Outcome(start, Result.SKIPPED, error="define failed"),
        Outcome(other, Result.SKIPPED, error="Domain/web failed"),
    )

    status(PassFinished(first, Report(first.plan, outcomes), {}, 0.1))

    assert door.recv(1000).decode() == "STATUS=1 in sync, 2 to do, 1 failed"


def test_order_changes_nothing_in_it(door: socket.socket) -> None:
    status(OrderGiven(NOW, "reconcile", "", "root"))
    notify("READY=1")

    assert door.recv(1000) == b"READY=1"


def test_nobody_who_listens_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_watchdog_is_asked_for_in_the_environment(
    environment: dict[str, str], within_s: float | None
) -> None:
    assert watchdog_s(environment) == within_s
