"""The command line as a process: loaded modules, exit statuses, and behaviour on a terminal."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import network

PROGRAM = [sys.executable, "-m", "kvmreconcile"]
HEAVY = ("libvirt", "rich", "apscheduler", "watchdog")
LOADED = f"""
import sys
from kvmreconcile.cli import main
try:
    main()
finally:
    print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)
"""


def _environment(**more: str) -> dict[str, str]:
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("KVMRECONCILE_", "NO_COLOR"))}
    return keep | {"TERM": "xterm"} | more


def _run(words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *words],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(**more),
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    file = tmp_path / "a.yaml"
    file.write_text(network("lab"))
    return file


@pytest.fixture
def common(tmp_path: Path) -> list[str]:
    return ["--connect", "test:///default", "--state", str(tmp_path / "state")]


@pytest.mark.parametrize("words", [["--help"], ["validate", "{specs}"], ["schema"], ["explain", "Network"]])
def test_commands_that_need_no_hypervisor_do_not_load_libvirt(words: list[str], specs: Path) -> None:
    arguments = [word.format(specs=specs) for word in words]
    result = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )

    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "[]"


def test_plan_loads_libvirt(specs: Path, common: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-c", LOADED, "plan", str(specs), *common],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )

    assert result.stderr.splitlines()[-1] == "['libvirt']"


def test_usage_error_has_exit_status_2() -> None:
    result = _run(["plan", "--nonsense"])

    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_output_to_a_pipe_has_no_colour(specs: Path, common: list[str]) -> None:
    assert "\x1b" not in _run(["plan", str(specs), *common]).stdout


def test_closed_pipe_causes_no_traceback(specs: Path, common: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [*PROGRAM, "plan", str(specs), *common],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env=_environment(),
    )
    os.close(write)

    assert "Traceback" not in result.stderr
    assert result.returncode != 0


def test_characters_outside_the_encoding_are_escaped(specs: Path, common: list[str], tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(network("größe"))

    result = _run(["plan", str(tmp_path), *common], PYTHONIOENCODING="ascii")

    assert result.returncode == 0
    assert r"Network/gr\xf6\xdfe" in result.stdout


def _on_terminal(words: list[str], answer: str, interrupt_at: str = "\0", **more: str) -> tuple[int, str]:
    """Run on a terminal, interrupted once a text is printed; return the status and the output."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    # If the tests run in the background, interrupts are ignored in their child processes as well.
    program = ("env", "--default-signal=INT", *PROGRAM, *words)
    with subprocess.Popen(
        program, stdin=theirs, stdout=theirs, stderr=theirs, env=_environment(**more)
    ) as process:
        os.close(theirs)
        seen, waits = "", True
        try:
            for chunk in _chunks(ours):
                seen += chunk.decode()
                if waits and interrupt_at in seen:
                    process.send_signal(signal.SIGINT)
                    waits = False
        except BaseException:
            process.kill()
            raise
    os.close(ours)
    return process.returncode, seen


def _chunks(terminal: int) -> Iterator[bytes]:
    """Yield the output of a terminal until it is closed."""
    while True:
        try:
            yield os.read(terminal, 65536)
        except OSError:
            return


def test_output_on_a_terminal_has_colour_unless_disabled(specs: Path, common: list[str]) -> None:
    _, coloured = _on_terminal(["plan", str(specs), *common], "")
    _, plain = _on_terminal(["plan", str(specs), *common], "", NO_COLOR="1")

    assert "\x1b[32m+ Network/lab" in coloured
    assert "\x1b" not in plain


def test_apply_changes_nothing_if_the_prompt_is_answered_with_no(specs: Path, common: list[str]) -> None:
    status, seen = _on_terminal(["apply", str(specs), *common], "n\n")

    assert status == 1
    assert "Apply this plan? [y/N]" in seen
    assert "nothing was done" in seen
    assert "done    create" not in seen


def test_apply_shows_running_actions_on_a_terminal(specs: Path, common: list[str]) -> None:
    status, seen = _on_terminal(["apply", str(specs), *common], "y\n", NO_COLOR="1")

    assert status == 0
    assert "done    create Network/lab (" in seen
    assert "2 actions done, 0 failed; then: 1 in sync" in seen


def test_interrupt_at_the_prompt_ends_apply_at_once(specs: Path, common: list[str]) -> None:
    status, seen = _on_terminal(
        ["apply", str(specs), *common], "", interrupt_at="Apply this plan?", NO_COLOR="1"
    )

    assert status == 130
    assert "stopped" in seen
    assert "Traceback" not in seen
