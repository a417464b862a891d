"""
Run the command line as a process, press Ctrl-C, and measure how long it takes to answer and to leave.

Times are taken from just before the signal is sent to when the answer was read or the process was reaped.
"""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from tests.waiting import wait_until

ANSWER_S, LEAVE_S = 0.2, 1.0
"""Time limits for the message after Ctrl-C, and for the end after the second one."""
SLACK_S = 2.0
"""
Scheduling delay of a process on a machine with few cores that is busy with other tests.

Blocked calls take a minute or more in these tests, so the limits still distinguish both.
"""


class Command:
    """A running command, with its standard output and standard error."""

    def __init__(self, process: "subprocess.Popen[bytes]", printed: int, keyboard: int | None) -> None:
        self.process = process
        self._printed = printed
        self._keyboard = keyboard
        self._seen = bytearray()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._printed, 1 << 16)
            except OSError:
                return
            if not part:
                return
            self._seen += part

    @property
    def seen(self) -> str:
        """The output so far."""
        return self._seen.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed a text."""
        wait_until(lambda: text in self.seen or self.process.poll() is not None, f"{text!r} in {self.seen}")
        assert text in self.seen, self.seen

    @property
    def is_connected(self) -> bool:
        """Return whether it has an open socket."""
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(link.readlink()).startswith("socket:"):
                    return True
        return False

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C if it has a terminal, otherwise send the signal."""
        if self._keyboard is not None and number == signal.SIGINT:
            os.write(self._keyboard, b"\x03")
        else:
            self.process.send_signal(number)

    def assert_answers(self, text: str, number: signal.Signals = signal.SIGINT) -> str:
        """Interrupt it, fail unless it prints a text in time, and return its output since."""
        before, began_s = len(self._seen), time.monotonic()
        self.interrupt(number)
        while text not in (said := self._seen[before:].decode(errors="replace")):
            assert time.monotonic() - began_s < ANSWER_S + SLACK_S, said
            time.sleep(0.005)
        return said

    def assert_leaves(self, status: int = 130, number: signal.Signals = signal.SIGINT) -> str:
        """Interrupt it, fail unless it ends in time and with a status, and return its output."""
        self.interrupt(number)
        return self.assert_ends(status, LEAVE_S + SLACK_S)

    def assert_ends(self, status: int, within_s: float = 60.0) -> str:
        """Fail unless it ends with a status, and return its output."""
        assert self.process.wait(within_s) == status, self.seen
        self._reader.join(within_s)
        assert "Traceback" not in self.seen, self.seen
        return self.seen


@contextmanager
def running(
    words: Sequence[str], environment: Mapping[str, str] | None = None, *, terminal: bool = False
) -> Iterator[Command]:
    """Run a Python module on its own terminal or with a pipe, and kill it at the end."""
    # In a background job interrupts are ignored, and child processes would inherit that.
    program = ["env", "--default-signal=INT", sys.executable, "-m", *words]
    if terminal:
        ours, theirs = pty.openpty()
        program = ["setsid", "--ctty", *program]
    else:
        ours, theirs = os.pipe()
    stdin = theirs if terminal else subprocess.DEVNULL
    settings = {**os.environ, "TERM": "xterm", **(environment or {})}
    with subprocess.Popen(program, stdin=stdin, stdout=theirs, stderr=theirs, env=settings) as process:
        os.close(theirs)
        try:
            yield Command(process, ours, ours if terminal else None)
        finally:
            process.kill()
            process.wait()
            os.close(ours)
