"""
`kvmreconcile run` in the background of a test or the demo.

Separate from what it is used for; it never outlives the process that started it.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / ".venv/bin/kvmreconcile"
_ENDS_WITHIN_S = 30


class Background:
    """The daemon as a process, its log in a file."""

    def __init__(self, environment: Mapping[str, str], log: Path, inside: Sequence[str] = ()) -> None:
        """Name a command that runs another elsewhere, such as nsenter, to have it there."""
        self.log = log
        # Even if this process is killed, the daemon is asked to end.
        self._command = ("setpriv", "--pdeathsig", "TERM", *inside, str(PROGRAM), "run")
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def check(self) -> None:
        """Make sure that it is still there; AssertionError if not."""
        status = self._process.poll() if self._process else None
        assert status is None, f"the daemon has ended, with exit status {status}"

    @property
    def pid(self) -> int:
        """The process, once it is started: setpriv has become the daemon."""
        assert self._process
        return self._process.pid

    def tail(self) -> str:
        """Return the end of its log, for who reads of a test that failed."""
        return self.log.read_text()[-8000:] if self.log.exists() else ""

    def stop(self) -> int | None:
        """Ask it to end if it was started, wait until it has, and return its exit status."""
        if self._process is None:
            return None
        self._process.terminate()
        return self._process.wait(timeout=_ENDS_WITHIN_S)
