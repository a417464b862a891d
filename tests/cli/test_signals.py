"""Ctrl-C takes effect at once in every phase of every command, and the second one ends it in any blocking call."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import network
from tests.interrupting import LEAVE_S, SLACK_S, Command, running
from tests.waiting import wait_until

pytestmark = pytest.mark.case("51")

STEP = "create Network/lab: until libvirt completes the step, without a time limit ("
AGAIN = "Another Ctrl-C or SIGTERM ends the command at once"
LEFT = "kvmreconcile: stopped; running steps were left incomplete, and a later run can complete them\n"


@dataclass(frozen=True)
class Host:
    """A host of libvirt's test driver in another process, with specs and a state."""

    directory: Path

    @property
    def specs(self) -> Path:
        return self.directory / "specs"

    def words(self, *words: str) -> list[str]:
        """Return a command line."""
        return ["--connect", "test:///default", "--state", str(self.directory / "state"), *words]

    @contextmanager
    def blocked(self, phase: str, *words: str, terminal: bool = False) -> Iterator[Command]:
        """Run a command until it blocks in a phase."""
        module = ["tests.cli.blocked", str(self.directory), phase, *self.words(*words)]
        with running(module, {"NO_COLOR": "1"}, terminal=terminal) as command:
            wait_until(
                lambda: (self.directory / "blocked").exists() or command.process.poll() is not None, "blocked"
            )
            assert command.process.poll() is None, command.seen
            yield command

    def assert_converges(self) -> None:
        """Fail unless the next run converges."""
        words = [sys.executable, "-m", "kvmreconcile", *self.words("apply", "--yes", str(self.specs))]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert done.stderr.endswith("0 failed; then: 1 in sync\n")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.specs.mkdir()
    (host.specs / "a.yaml").write_text(network("lab"))
    return host


ENDED_AT_ONCE = [
    ("importing", "explain", ["Network"]),
    ("loading", "validate", ["{specs}"]),
    ("loading", "plan", ["{specs}"]),
    ("connecting", "plan", ["{specs}"]),
    ("observing", "plan", ["{specs}"]),
    ("planning", "plan", ["{specs}"]),
    ("observing", "diff", ["Network/lab", "{specs}"]),
    ("planning", "adopt", ["--all"]),
    ("loading", "apply", ["{specs}", "--yes"]),
    ("opening the state", "apply", ["{specs}", "--yes"]),
    ("observing", "apply", ["{specs}", "--yes"]),
    ("planning", "apply", ["{specs}", "--yes"]),
]


@pytest.mark.parametrize(
    ("phase", "name", "words"), ENDED_AT_ONCE, ids=[f"{n} {p}" for p, n, _ in ENDED_AT_ONCE]
)
def test_command_without_changes_ends_at_first_signal(
    host: Host, phase: str, name: str, words: Sequence[str]
) -> None:
    with host.blocked(phase, name, *(word.format(specs=host.specs) for word in words)) as command:
        seen = command.assert_leaves()

    assert seen.endswith("kvmreconcile: stopped; nothing was changed\n")
    if name == "apply":
        host.assert_converges()


def test_starting_daemon_ends_at_first_signal(host: Host) -> None:
    with host.blocked("opening the state", "run", str(host.specs)) as command:
        assert command.assert_leaves().endswith("kvmreconcile: stopped\n")


def test_signal_leaves_no_temporary_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = host.directory / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with host.blocked("judging", "plan", "--exact", str(host.specs)) as command:
        assert list(temporary.iterdir())
        command.assert_leaves()

    assert not list(temporary.iterdir())


@pytest.mark.parametrize("phase", ["working", "recording"])
@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_step_continues_after_first_signal_and_is_aborted_by_second(
    host: Host, phase: str, *, terminal: bool
) -> None:
    what = STEP if phase == "working" else "writes to the state database: at most 10 s each"
    with host.blocked(phase, "apply", "--yes", str(host.specs), terminal=terminal) as command:
        said = command.assert_answers(AGAIN).replace("\r", "")
        assert f"kvmreconcile: stopping; no further step is started. Waiting for:\n  {what}" in said
        assert command.process.poll() is None

        seen = command.assert_leaves().replace("\r", "")

    assert seen.endswith(f"\x1b[?25h\n{LEFT}" if terminal else LEFT)
    host.assert_converges()


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_running_step_finishes_after_signal_and_no_further_step_starts(host: Host, *, terminal: bool) -> None:
    (host.directory / "may go on").touch()
    with host.blocked("working", "apply", "--yes", str(host.specs), terminal=terminal) as command:
        command.assert_answers(AGAIN)
        (host.directory / "go").touch()
        seen = command.assert_ends(130)

    assert "done    create Network/lab" in seen
    assert "skipped start Network/lab: kvmreconcile was stopped before this step" in seen
    assert "stopped: 1 done, 0 failed, 1 skipped; the next run continues from there" in seen
    host.assert_converges()


def test_adoption_continues_after_first_signal_and_is_aborted_by_second(host: Host) -> None:
    words = ["adopt", "Network/default", "StoragePool/default-pool", "-o", str(host.specs)]
    with host.blocked("working", *words) as command:
        assert "own Network/default: until libvirt completes the step" in command.assert_answers(AGAIN)
        assert command.assert_leaves().endswith(LEFT)

    with running(["kvmreconcile", *host.words(*words)]) as command:
        assert command.assert_ends(0).endswith("2 adopted, 0 failed\n")


def test_prompt_ends_at_first_signal(host: Host) -> None:
    words = ["kvmreconcile", *host.words("apply", str(host.specs))]
    with running(words, {"NO_COLOR": "1"}, terminal=True) as command:
        command.wait_for("Apply this plan? [y/N] ")
        seen = command.assert_leaves()

    assert seen.endswith("\r\nkvmreconcile: stopped; nothing was changed\r\n")
    assert "done    create" not in seen
    host.assert_converges()


def test_sigterm_is_handled_like_sigint(host: Host) -> None:
    with host.blocked("observing", "plan", str(host.specs)) as command:
        assert "nothing was changed" in command.assert_leaves(143, signal.SIGTERM)
    (host.directory / "blocked").unlink()

    with host.blocked("working", "apply", "--yes", str(host.specs)) as command:
        assert STEP in command.assert_answers(AGAIN, signal.SIGTERM)
        assert command.assert_leaves(143, signal.SIGTERM).endswith(LEFT)


def test_blocked_output_does_not_delay_exit(host: Host) -> None:
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with suppress(BlockingIOError):
        while True:
            os.write(full, b"\0" * 4096)
    os.set_blocking(full, True)
    # Before libvirt is loaded, which may print warnings.
    module = ["tests.cli.blocked", str(host.directory), "loading", *host.words("plan", str(host.specs))]
    program = ["env", "--default-signal=INT", sys.executable, "-m", *module]
    with subprocess.Popen(program, stdout=full, stderr=full) as process:
        try:
            wait_until((host.directory / "blocked").exists, "blocked")
            process.send_signal(signal.SIGINT)

            assert process.wait(LEAVE_S + SLACK_S) == 130
        finally:
            process.kill()
    os.close(unread)
    os.close(full)


def test_sigint_that_is_ignored_at_start_stays_ignored(host: Host) -> None:
    (host.directory / "may go on").touch()
    module = ["tests.cli.blocked", str(host.directory), "observing", *host.words("plan", str(host.specs))]
    program = ["env", "--ignore-signal=INT", sys.executable, "-m", *module]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL) as process:
        wait_until((host.directory / "blocked").exists, "blocked")
        process.send_signal(signal.SIGINT)
        (host.directory / "go").touch()

        assert process.wait(60) == 0


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[Path]:
    """A socket of a server that never answers."""
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield path


ORDER_MAY_BE_SENT = "if a daemon runs, it may already have received the request; see: kvmreconcile history"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["approve", "c0ffee123456"], f"kvmreconcile: stopped; {ORDER_MAY_BE_SENT}"),
        (["suspend", "--all"], f"kvmreconcile: stopped; {ORDER_MAY_BE_SENT}"),
        (["reconcile"], f"kvmreconcile: stopped; {ORDER_MAY_BE_SENT}"),
        (["state", "accept"], f"kvmreconcile: stopped; {ORDER_MAY_BE_SENT}"),
        (["status"], "kvmreconcile: stopped"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_signal_while_daemon_is_queried_ends_command_at_once(
    host: Host, silent: Path, words: Sequence[str], said: str
) -> None:
    control = {"KVMRECONCILE_CONTROL": f"{{socket: {silent}}}"}
    with running(["kvmreconcile", *host.words(*words)], control) as command:
        wait_until(lambda: command.is_connected, "it has connected")
        last = command.assert_leaves().splitlines()[-1]
        assert last.partition(" --")[0] == said


SSH = """\
#!/bin/sh
echo $$ >{pid}
exec sleep 600
"""


def test_git_and_its_children_end_with_interrupted_fetch(host: Host, tmp_path: Path) -> None:
    programs, pid = tmp_path / "bin", tmp_path / "ssh.pid"
    programs.mkdir()
    (programs / "ssh").write_text(SSH.format(pid=pid))
    (programs / "ssh").chmod(0o755)
    settings = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KVMRECONCILE_GIT": "{url: ssh://git@192.0.2.1/specs}",
    }
    with running(["kvmreconcile", *host.words("fetch")], settings) as command:
        wait_until(
            lambda: (pid.exists() and pid.read_text().strip()) or command.process.poll(), "git is asked"
        )
        assert command.process.poll() is None, command.seen
        session = os.getsid(int(pid.read_text()))
        seen = command.assert_leaves()

    assert seen.endswith("kvmreconcile: stopped; run fetch again to complete the download\n")
    wait_until(lambda: not members(session), "git and ssh have ended", 10)


def members(session: int) -> list[int]:
    """Return the running processes of a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found
