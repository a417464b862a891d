"""
Run `kvmreconcile run` in the background of a test or the demo; it ends with the process that started it.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / ".venv/bin/kvmreconcile"
_ENDS_WITHIN_S = 30


class Background:
    """The daemon as a process, its log in a file."""

    def __init__(self, environment: Mapping[str, str], log: Path, inside: Sequence[str] = ()) -> None:
        """Prefix the command with `inside`, such as nsenter, to run it in another namespace."""
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
        """Raise AssertionError unless the process still runs."""
        status = self._process.poll() if self._process else None
        assert status is None, f"the daemon has ended, with exit status {status}"

    @property
    def pid(self) -> int:
        """The process id of the daemon once it is started; setpriv has replaced itself by it."""
        assert self._process
        return self._process.pid

    def tail(self) -> str:
        """Return the end of the log, for the report of a failed test."""
        return self.log.read_text()[-8000:] if self.log.exists() else ""

    def kill(self) -> None:
        """Send SIGKILL to the daemon alone, and wait for its end."""
        assert self._process
        self._process.kill()
        self._process.wait(timeout=_ENDS_WITHIN_S)

    def stop(self) -> int | None:
        """Send SIGTERM if it was started, wait for its end, and return its exit status."""
        if self._process is None:
            return None
        self._process.terminate()
        return self._process.wait(timeout=_ENDS_WITHIN_S)
