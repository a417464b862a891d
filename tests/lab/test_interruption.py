"""Ctrl-C while a guest is shut down, a volume is filled or libvirt does not answer; the next run converges."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interrupting import running
from tests.lab.contents import MIB, POOL, names, volume
from tests.lab.guest import EMPTY
from tests.lab.lab import Lab
from tests.lab.session import Session
from tests.waiting import wait_until

pytestmark = pytest.mark.case("51")

AGAIN = "Another Ctrl-C or SIGTERM ends the command at once"
LEFT = "kvmreconcile: stopped; running steps were left incomplete, and a later run can complete them"


@pytest.fixture
def session(lab: Lab, tmp_path: Path) -> Session:
    """A host with a running guest that ignores the power button."""
    session = Session(lab, tmp_path)
    session.write("web.yaml", EMPTY.format(name="web"))
    session.converge()
    return session


def stop_guest(session: Session) -> None:
    session.write("web.yaml", EMPTY.format(name="web") + "  state: stopped\n")


def assert_stops(session: Session) -> None:
    """Fail unless the next run, which may power the guest off, completes the shutdown."""
    forced = "  state: stopped\n  update: {maxEffect: restart, shutdown: {timeout: 1s, force: true}}\n"
    session.write("web.yaml", EMPTY.format(name="web") + forced)
    session.converge()
    assert session.lab.virsh("domstate", "web").strip() == "shut off"
    session.assert_in_sync()


def applying(session: Session) -> list[str]:
    return ["kvmreconcile", *session.words("apply", "--yes", str(session.specs))]


def test_shutdown_of_a_guest_is_reported_at_the_first_interrupt_and_abandoned_at_the_second(
    session: Session,
) -> None:
    stop_guest(session)
    with running(applying(session), {"NO_COLOR": "1"}, terminal=True) as command:
        command.wait_for("stop Domain/web ")

        said = command.assert_answers(AGAIN)
        command.assert_leaves()

    left = re.search(r"\r\n  stop Domain/web: at most (\d+) s for the guest\r\n", said)
    assert left
    assert 30 <= int(left[1]) <= 60
    assert LEFT in command.seen
    assert session.lab.virsh("domstate", "web").strip() == "running"
    assert_stops(session)


def test_shutdown_is_abandoned_while_libvirt_does_not_answer(session: Session) -> None:
    stop_guest(session)
    with running(applying(session), {"NO_COLOR": "1"}, terminal=True) as command:
        command.wait_for("stop Domain/web ")
        with session.lab.frozen():
            assert "  stop Domain/web: at most " in command.assert_answers(AGAIN)
            command.assert_leaves()

    assert_stops(session)


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "{specs}"),
        ("apply", "--yes", "{specs}"),
        ("diff", "Domain/web", "{specs}"),
        ("adopt", "--all"),
    ],
    ids=lambda words: words[0],
)
def test_interrupted_command_does_not_wait_for_libvirt(session: Session, words: tuple[str, ...]) -> None:
    stop_guest(session)
    with session.lab.frozen():
        chosen = session.words(*(word.format(specs=session.specs) for word in words))
        with running(["kvmreconcile", *chosen]) as command:
            wait_until(lambda: command.is_connected, "it has called libvirt")
            assert command.assert_leaves().endswith("kvmreconcile: stopped; nothing was changed\n")

    assert_stops(session)


@pytest.fixture
def copying(lab: Lab, tmp_path: Path) -> Session:
    """A host with a volume that is to be a copy of 50 MiB."""
    session = Session(lab, tmp_path)
    directory = lab.path / "images/small"
    directory.mkdir()
    session.write("pool.yaml", POOL.format(path=directory))
    session.converge()
    (session.specs / "rnd.img").write_bytes(os.urandom(50 * MIB))
    volume(session, "src.raw", "format: raw, source: {file: rnd.img}")
    return session


@pytest.mark.parametrize("is_hanging", [False, True], ids=["libvirt works", "libvirt hangs"])
def test_copy_is_reported_at_the_first_interrupt_and_abandoned_at_the_second(
    copying: Session, *, is_hanging: bool
) -> None:
    paused = [
        "tests.lab.paused",
        str(copying.directory),
        *copying.words("apply", "--yes", str(copying.specs)),
    ]
    with running(paused) as command:
        wait_until((copying.directory / "paused").exists, "it is paused")
        with copying.lab.frozen() if is_hanging else unchanged():
            if is_hanging:
                (copying.directory / "go").touch()
            what = "create Volume/small/src.raw: until libvirt completes the step, without a time limit ("
            assert what in command.assert_answers(AGAIN)
            assert command.assert_leaves().endswith(f"{LEFT}\n")

    copying.converge()
    assert names(copying) == ["src.raw"]
    copying.assert_in_sync()


@contextmanager
def unchanged() -> Iterator[None]:
    yield


def test_copy_that_completes_after_an_interrupt_is_the_last_step(copying: Session) -> None:
    volume(copying, "later.raw", "format: raw, capacity: 1MiB")
    paused = [
        "tests.lab.paused",
        str(copying.directory),
        *copying.words("apply", "--yes", str(copying.specs)),
    ]
    with running(paused) as command:
        wait_until((copying.directory / "paused").exists, "it is paused")
        command.assert_answers(AGAIN)
        (copying.directory / "go").touch()
        seen = command.assert_ends(130)

    assert "done    create Volume/small/src.raw" in seen
    assert "stopped: " in seen
    copying.converge()
    copying.assert_in_sync()


def test_daemon_that_waits_for_a_guest_stops_at_the_second_signal(session: Session) -> None:
    stop_guest(session)
    environment = {
        "KVMRECONCILE_CONNECT": session.lab.uri,
        "KVMRECONCILE_STATE": str(session.state),
        "KVMRECONCILE_SPECS": str(session.specs),
    }
    with running(["kvmreconcile", "run"], environment) as command:
        command.wait_for('"action.started"')
        command.interrupt()
        command.wait_for('"daemon.stopping"')
        command.assert_leaves(-signal.SIGINT)

    assert_stops(session)
