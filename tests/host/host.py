"""
Run commands and write files on a host: the interface of a machine in namespaces and of an emulated computer.
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
        """Return the command prefix that runs another command inside, with its standard input and output."""

    @abstractmethod
    def power_on(self) -> float:
        """Boot it, and return the seconds until all services had started."""

    @abstractmethod
    def power_off(self) -> None:
        """Cut its power."""

    @abstractmethod
    def reboot(self) -> float:
        """Reboot it as an administrator does, and return the seconds until it was up again."""

    def exec(self, *command: str, given: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a command inside with this standard input, and return its result, also on failure."""
        return subprocess.run(
            self.reach(*command),
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )

    def output(self, *command: str, given: str = "") -> str:
        """Run a command inside that must succeed, and return its output."""
        done = self.exec(*command, given=given)
        assert done.returncode == 0, f"{command}: exit {done.returncode}: {done.stdout}"
        return done.stdout.strip()

    def run(self, script: str) -> str:
        """Run a shell script in the clone inside, which must succeed, and return its output."""
        return self.output("sh", "-euc", f"cd /root/kvmreconcile\n{script}")

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        self.output("sh", "-euc", 'mkdir -p "$(dirname "$0")"; cat >"$0"', path, given=text)

    def wait_until_up(self, within_s: float = WITHIN_S) -> float:
        """Wait until all services have started, and return the seconds that took."""
        begin_s = time.monotonic()
        wait_until(
            lambda: self.exec("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"),
            "it has booted",
            within_s,
        )
        return time.monotonic() - begin_s
