"""Threads that make no progress are reported as stuck, and slow ones are not."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import EACH_S, EVENTS, PASSES, TIMES, ThreadWatchdog
from kvmreconcile.host.connection import connect
from kvmreconcile.host.event_loop import call_in_event_loop
from tests.mock import OWN
from tests.waiting import wait_until

WAIT_S = 30


class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    """A watchdog with a timeout of 60 s, a queue of triggers, and systemd's end of the notify socket."""

    def __init__(self, notify_socket: socket.socket) -> None:
        self.clock = Clock()
        self.watchdog = ThreadWatchdog(60, self.clock)
        self.triggers = TriggerQueue(0.0, awake=self.watchdog.answer)
        self._notify_socket = notify_socket

    def beat(self, after_s: float = 0) -> bool:
        """Advance the clock and check the threads; return whether systemd was notified."""
        self.clock.now_s += after_s
        self.watchdog.beat(self.triggers.wake)
        try:
            return self._notify_socket.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            return False

    def answers(self, *thread: str) -> None:
        """Wait until these threads have answered."""
        wait_until(lambda: not {*thread} & self.watchdog._owed_since_s.keys(), f"{thread} answer", WAIT_S)

    def in_thread(self, work: Callable[[], object]) -> threading.Thread:
        """Run a function in a thread that the watchdog takes for the one that makes passes."""

        def run() -> None:
            self.watchdog.watch_this_thread()
            work()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        wait_until(lambda: self.watchdog._passes, "the thread runs", WAIT_S)
        return thread


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify_socket:
        notify_socket.bind(str(tmp_path / "notify"))
        notify_socket.setblocking(False)
        # A connection starts the event loop.
        with connect(OWN):
            yield Bench(notify_socket)


def test_thread_that_waits_for_a_trigger_answers_the_watchdog(bench: Bench) -> None:
    bench.in_thread(bench.triggers.wait)

    for _ in range(3):
        assert bench.beat(after_s=3600)
        bench.answers(PASSES, EVENTS)

    bench.triggers.close()


def test_stuck_thread_is_logged_once(bench: Bench) -> None:
    blocked = threading.Event()
    thread = bench.in_thread(blocked.wait)

    with capture_logs() as logged:
        assert bench.beat()
        bench.answers(EVENTS)
        assert bench.beat(after_s=25)
        bench.answers(EVENTS)
        assert bench.watchdog.stuck() == ()
        for _ in range(2):
            assert not bench.beat(after_s=10)
            bench.answers(EVENTS)
            assert bench.watchdog.stuck() == (PASSES,)

    assert [(line["event"], line["threads"]) for line in logged] == [("daemon.stuck", [PASSES])]
    blocked.set()
    thread.join()


def test_thread_that_has_ended_is_stuck(bench: Bench) -> None:
    bench.in_thread(lambda: None).join()
    bench.beat()
    bench.answers(EVENTS)

    assert not bench.beat(after_s=31)


def test_long_pass_that_makes_progress_is_not_stuck(bench: Bench) -> None:
    bench.in_thread(lambda: None).join()

    for _ in range(10):
        bench.watchdog.answer()
        assert bench.beat(after_s=29)
        bench.answers(EVENTS)


def test_slow_libvirt_call_is_not_stuck(bench: Bench, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.bind(str(tmp_path / "mute"))
        silent.listen()
        uri = f"qemu+unix:///system?socket={tmp_path}/mute"
        failed = threading.Event()

        def call() -> None:
            with pytest.raises(Exception, match="cannot connect"):
                connect(uri)
            failed.set()

        bench.in_thread(call)
        caller, _ = silent.accept()

        for _ in range(3):
            assert bench.beat(after_s=3600)
            bench.answers(EVENTS)

        caller.close()
        assert failed.wait(WAIT_S)


def test_hanging_event_loop_is_logged_as_stuck(bench: Bench) -> None:
    release, hangs = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        release.wait(WAIT_S)

    call_in_event_loop(hang)
    assert hangs.wait(WAIT_S)
    bench.in_thread(bench.triggers.wait)
    bench.beat()
    bench.answers(PASSES)

    with capture_logs() as logged:
        assert not bench.beat(after_s=31)
    release.set()
    bench.answers(PASSES, EVENTS)

    assert [line["threads"] for line in logged] == [[EVENTS]]
    assert bench.beat(after_s=31)
    bench.triggers.close()


def test_missing_checks_count_as_a_stuck_thread(bench: Bench) -> None:
    bench.in_thread(bench.triggers.wait)
    bench.beat()
    bench.answers(PASSES, EVENTS)

    bench.clock.now_s += 29
    assert bench.watchdog.stuck() == ()
    bench.clock.now_s += 2
    assert bench.watchdog.stuck() == (TIMES,)

    assert bench.beat()
    assert bench.watchdog.stuck() == ()
    bench.triggers.close()


@pytest.mark.parametrize(("within_s", "each_s"), [(None, EACH_S), (180.0, EACH_S), (4.0, 1.0)])
def test_check_interval_is_shorter_than_systemd_timeout(within_s: float | None, each_s: float) -> None:
    assert ThreadWatchdog(within_s).each_s == each_s
