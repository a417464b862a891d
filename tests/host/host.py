"""
A host on which commands are run and files written: what a machine in namespaces and an emulated computer share.

Separate from how each is made and reached.
"""

import subprocess
import time
from abc import ABC, abstractmethod

from tests.waiting import wait_until

WITHIN_S = 120
_PAUSE_S = 0.1


class Host(ABC):
    """A Debian with a clone of this repository in /root/kvmreconcile."""

    @abstractmethod
    def reach(self, *command: str) -> list[str]:
        """Return the command that runs another inside, with its standard input and output."""

    @abstractmethod
    def power_on(self) -> float:
        """Switch it on, and return after how many seconds all that starts at boot had started."""

    @abstractmethod
    def power_off(self) -> None:
        """Cut its power."""

    @abstractmethod
    def reboot(self) -> float:
        """Reboot it as an administrator would, and return after how many seconds it was up again."""

    def exec(self, *command: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command inside, with a text to read, whatever comes of it."""
        return subprocess.run(
            self.reach(*command),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )

    def output(self, *command: str, given: str = "") -> str:
        """Run a command inside that must succeed, and return what it prints."""
        done = self.exec(*command, given=given)
        assert done.returncode == 0, f"{command}: exit {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def run(self, script: str) -> str:
        """Run a shell script inside that must succeed, in the clone, and return what it prints."""
        return self.output("sh", "-euc", f"cd /root/kvmreconcile\n{script}")

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        self.output("sh", "-euc", 'mkdir -p "$(dirname "$0")"; cat >"$0"', path, given=text)

    def wait_until_up(self, within_s: float = WITHIN_S) -> float:
        """Wait until all that starts at boot has started, and return after how many seconds it had."""
        begin_s = time.monotonic()
        wait_until(
            lambda: self.exec("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"),
            "it has booted",
            within_s,
        )
        return time.monotonic() - begin_s
