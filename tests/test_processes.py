"""Tests send signals only to processes that they started, and check this first."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import NotProved, signal_process, signal_script
from tests.waiting import wait_until

TESTS = Path(__file__).parent
BARE = re.compile(r"os\.kill(pg)?\((?!os\.getpid\(\))|(?<!systemctl )\bkill -(?!0|9 \$\$)|\bkill -s\b")
PROVED = {
    "processes.py": "proves it",
    "test_processes.py": "shows it",
    "lab/lab": "a lock that its process holds proves it",
    "lab/daemons.sh": "proves it by the command line",
    "host/machine": "proves it by its namespace",
}


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        # Right after exec() a process has no command line yet.
        wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes(), "it is executed")
        yield process
        process.kill()


def test_process_is_signalled_only_if_its_command_line_matches(sleeper: "subprocess.Popen[bytes]") -> None:
    with pytest.raises(NotProved, match="and not 'libvirtd'"):
        signal_process(sleeper.pid, signal.SIGTERM, "libvirtd")
    assert sleeper.poll() is None

    signal_process(sleeper.pid, signal.SIGTERM, "time.sleep")

    assert sleeper.wait() == -signal.SIGTERM


@pytest.mark.parametrize("pid", [0, 1, -1])
def test_process_groups_and_init_are_not_signalled(pid: int) -> None:
    with pytest.raises(NotProved, match="no process of a test's"):
        signal_process(pid, signal.SIGCONT, "")


def test_script_signals_a_process_only_if_its_command_line_matches(
    sleeper: "subprocess.Popen[bytes]",
) -> None:
    assert run(signal_script("TERM", str(sleeper.pid), "libvirtd")).returncode == 1
    assert sleeper.poll() is None

    assert run(signal_script("TERM", f"$(echo {sleeper.pid})", "time.sleep")).returncode == 0

    assert sleeper.wait() == -signal.SIGTERM


@pytest.mark.parametrize("pids", ["0", "1", "''", "$(true)", "-1", "$(cat /nowhere)", "12 0"])
def test_script_refuses_pids_that_do_not_belong_to_a_test(pids: str) -> None:
    assert run(signal_script("CONT", pids, "")).returncode == 1


def test_tests_send_signals_only_through_the_process_helpers() -> None:
    sources = (
        p for p in TESTS.rglob("*") if p.is_file() and (p.suffix in (".py", ".sh", "") or not p.suffix)
    )
    bare = [
        f"{path.relative_to(TESTS)}:{number}: {line.strip()}"
        for path in sources
        if str(path.relative_to(TESTS)) not in PROVED
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if BARE.search(line) and not line.lstrip().startswith(('"""', "#"))
    ]
    assert bare == []


def run(script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["sh", "-c", script], check=False, capture_output=True, text=True)
