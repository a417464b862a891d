"""Progress on a terminal and elsewhere."""

import os
import pty
import termios
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress

import pytest

from kvmreconcile.cli.terminal import progress


def shown(lines: Sequence[str], error: Exception | None = None) -> str:
    """Return the output on a terminal of 20 columns for lines of progress and then an error."""
    handle, inside = pty.openpty()
    termios.tcsetwinsize(inside, (5, 20))
    # Not in a fixture: pytest captures standard error again when the test begins.
    with (
        os.fdopen(inside, "w") as stream,
        redirect_stderr(stream),
        suppress(ValueError),
        progress() as report,
    ):
        for line in lines:
            report(line)
        if error:
            raise error
    sent = b""
    with suppress(OSError):
        while part := os.read(handle, 1000):
            sent += part
    os.close(handle)
    return sent.decode()


@pytest.mark.case("40")
def test_progress_uses_one_terminal_line_and_is_cleared_at_the_end() -> None:
    clear = "\r\x1b[K"

    assert shown(["Receiving 1%", "Receiving 2% \x1b[2J and more than fits"]) == (
        f"{clear}Receiving 1%{clear}Receiving 2% \\x1b[2{clear}"
    )


@pytest.mark.case("40")
def test_progress_is_cleared_before_an_error_is_shown() -> None:
    assert shown(["Receiving 1%"], ValueError()).endswith("Receiving 1%\r\x1b[K")


@pytest.mark.case("40")
def test_progress_outside_a_terminal_is_a_line_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)

    with progress() as report:
        for each in range(25):
            now_s = 100.0 + each
            report(f"after {each} s")

    assert capsys.readouterr().err == "after 10 s\nafter 20 s\n"
