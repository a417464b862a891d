"""Threads show that they get on, and one that does not is told of; what is only slow is left in peace."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from kvmreconcile.daemon.trigger import TriggerQueue
from kvmreconcile.daemon.watchdog import EACH_S, EVENTS, PASSES, TIMES, Watchdog
from kvmreconcile.host.connection import call_in_event_loop, connect
from tests.mock import OWN
from tests.waiting import wait_until

WAIT_S = 30


class Clock:
    """A clock that goes on by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Scene:
    """A watchdog that wants a sign of life every 60 s, a bell, and systemd's end of the wire."""

    def __init__(self, door: socket.socket) -> None:
        self.clock = Clock()
        self.watchdog = Watchdog(60, self.clock)
        self.triggers = TriggerQueue(0.0, awake=self.watchdog.answer)
        self._socket_file = door

    def beat(self, after_s: float = 0) -> bool:
        """Let time pass and the watchdog ask; tell whether systemd heard that all is well."""
        self.clock.now_s += after_s
        self.watchdog.beat(self.triggers.poke)
        try:
            return self._socket_file.recv(100) == b"WATCHDOG=1"
        except BlockingIOError:
            return False

    def answers(self, *who: str) -> None:
        """Wait until these owe no answer."""
        wait_until(lambda: not {*who} & self.watchdog._owed_since_s.keys(), f"{who} answer", WAIT_S)

    def in_thread(self, work: Callable[[], object]) -> threading.Thread:
        """Do something in the thread that counts as the one that makes passes."""

        def run() -> None:
            self.watchdog.watch_this_thread()
            work()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        wait_until(lambda: self.watchdog._passes, "the thread runs", WAIT_S)
        return thread


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(tmp_path / "notify"))
        door.setblocking(False)
        # So that there is an event loop.
        with connect(OWN):
            yield Scene(door)


def test_thread_that_waits_for_a_ring_answers_however_long_it_waits(scene: Scene) -> None:
    scene.in_thread(scene.triggers.wait)

    for _ in range(3):
        assert scene.beat(after_s=3600)
        scene.answers(PASSES, EVENTS)

    scene.triggers.close()


def test_thread_that_is_stuck_is_told_of_once(scene: Scene) -> None:
    never = threading.Event()
    thread = scene.in_thread(never.wait)

    with capture_logs() as logged:
        assert scene.beat()
        scene.answers(EVENTS)
        assert scene.beat(after_s=25)
        scene.answers(EVENTS)
        assert scene.watchdog.stuck() == ()
        for _ in range(2):
            assert not scene.beat(after_s=10)
            scene.answers(EVENTS)
            assert scene.watchdog.stuck() == (PASSES,)

    assert [(line["event"], line["threads"]) for line in logged] == [("daemon.stuck", [PASSES])]
    never.set()
    thread.join()


def test_thread_that_has_ended_is_stuck(scene: Scene) -> None:
    scene.in_thread(lambda: None).join()
    scene.beat()
    scene.answers(EVENTS)

    assert not scene.beat(after_s=31)


def test_pass_that_gets_on_is_left_in_peace_however_long_it_takes(scene: Scene) -> None:
    scene.in_thread(lambda: None).join()

    for _ in range(10):
        scene.watchdog.answer()
        assert scene.beat(after_s=29)
        scene.answers(EVENTS)


def test_call_that_libvirt_is_slow_to_answer_is_left_in_peace(scene: Scene, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(tmp_path / "mute"))
        mute.listen()
        uri = f"qemu+unix:///system?socket={tmp_path}/mute"
        failed = threading.Event()

        def call() -> None:
            with pytest.raises(Exception, match="cannot connect"):
                connect(uri)
            failed.set()

        scene.in_thread(call)
        caller, _ = mute.accept()

        for _ in range(3):
            assert scene.beat(after_s=3600)
            scene.answers(EVENTS)

        caller.close()
        assert failed.wait(WAIT_S)


def test_event_loop_that_hangs_is_told_of(scene: Scene) -> None:
    release, hangs = threading.Event(), threading.Event()

    def hang() -> None:
        hangs.set()
        release.wait(WAIT_S)

    call_in_event_loop(hang)
    assert hangs.wait(WAIT_S)
    scene.in_thread(scene.triggers.wait)
    scene.beat()
    scene.answers(PASSES)

    with capture_logs() as logged:
        assert not scene.beat(after_s=31)
    release.set()
    scene.answers(PASSES, EVENTS)

    assert [line["threads"] for line in logged] == [[EVENTS]]
    assert scene.beat(after_s=31)
    scene.triggers.close()


def test_timer_that_asks_nobody_any_more_is_itself_stuck(scene: Scene) -> None:
    scene.in_thread(scene.triggers.wait)
    scene.beat()
    scene.answers(PASSES, EVENTS)

    scene.clock.now_s += 29
    assert scene.watchdog.stuck() == ()
    scene.clock.now_s += 2
    assert scene.watchdog.stuck() == (TIMES,)

    assert scene.beat()
    assert scene.watchdog.stuck() == ()
    scene.triggers.close()


@pytest.mark.parametrize(("within_s", "each_s"), [(None, EACH_S), (180.0, EACH_S), (4.0, 1.0)])
def test_it_asks_more_often_than_systemd_does(within_s: float | None, each_s: float) -> None:
    assert Watchdog(within_s).each_s == each_s
