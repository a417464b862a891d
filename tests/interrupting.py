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
"""How soon Ctrl-C is answered, and how soon the second one ends the command."""
SLACK_S = 2.0
"""
How late a process may run that is ready to, on a machine of few cores that is busy with other tests.

What must not be waited for takes a minute or for ever in these tests, so that the bound still tells the two apart.
"""


class Command:
    """A command under way, and what it has printed on standard output and standard error."""

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
        """All that was printed so far."""
        return self._seen.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something."""
        wait_until(lambda: text in self.seen or self.process.poll() is not None, f"{text!r} in {self.seen}")
        assert text in self.seen, self.seen

    @property
    def is_connected(self) -> bool:
        """Whether it has a socket open."""
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(link.readlink()).startswith("socket:"):
                    return True
        return False

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Press Ctrl-C where it is on a terminal, else send the signal."""
        if self._keyboard is not None and number == signal.SIGINT:
            os.write(self._keyboard, b"\x03")
        else:
            self.process.send_signal(number)

    def assert_answers(self, text: str, number: signal.Signals = signal.SIGINT) -> str:
        """Interrupt it, fail unless it prints a text in time, and return what it printed since."""
        before, began_s = len(self._seen), time.monotonic()
        self.interrupt(number)
        while text not in (said := self._seen[before:].decode(errors="replace")):
            assert time.monotonic() - began_s < ANSWER_S + SLACK_S, said
            time.sleep(0.005)
        return said

    def assert_leaves(self, status: int = 130, number: signal.Signals = signal.SIGINT) -> str:
        """Interrupt it, fail unless it ends in time and with a status, and return all that it printed."""
        self.interrupt(number)
        return self.assert_ends(status, LEAVE_S + SLACK_S)

    def assert_ends(self, status: int, within_s: float = 60.0) -> str:
        """Fail unless it ends with a status, and return all that it printed."""
        assert self.process.wait(within_s) == status, self.seen
        self._reader.join(within_s)
        assert "Traceback" not in self.seen, self.seen
        return self.seen


@contextmanager
def running(
    words: Sequence[str], environment: Mapping[str, str] | None = None, *, terminal: bool = False
) -> Iterator[Command]:
    """Run a Python module with its words, on a terminal of its own or with a pipe, and kill it in the end."""
    # Who runs the tests in the background has had interrupts ignored, and so would what they start.
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
