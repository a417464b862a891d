"""Start and use a machine in namespaces: a Debian with systemd that ends with this process."""

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.host.host import WITHIN_S, Host
from tests.waiting import wait_until

SCRIPT = Path(__file__).with_name("machine")
ROOT = Path(__file__).parents[2]
# The certificates of the network of this machine, for packages that are downloaded inside.
_CERTIFICATES = Path("/usr/local/share/ca-certificates")
_NAME_SERVER = "nameserver 10.0.2.3\n"  # the address of slirp4netns


class Machine(Host):
    """
    A minimal Debian with a clone of this repository at its last commit.

    Attributes:
        root: Its root directory, as a path outside of it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.root = directory / "root"
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        archive = subprocess.check_output([SCRIPT, "root"], text=True).strip()
        self.root.mkdir(parents=True)
        subprocess.run(["tar", "-C", self.root, "-xf", archive], check=True)
        subprocess.run(["git", "clone", "--quiet", ROOT, self.root / "root/kvmreconcile"], check=True)
        (self.root / "etc/resolv.conf").write_text(_NAME_SERVER)
        if _CERTIFICATES.is_dir():
            shutil.copytree(_CERTIFICATES, self.root / "usr/local/share/ca-certificates", dirs_exist_ok=True)
        self.power_on()
        self.run("update-ca-certificates")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_off()
        shutil.rmtree(self._directory)

    def power_on(self) -> float:
        """Boot it, and return the seconds until it was up."""
        with (self._directory / "log").open("ab") as log:
            # Even if this process is killed, the machine is asked to end.
            command = ("setpriv", "--pdeathsig", "TERM", SCRIPT, "run", self._directory, "--online")
            self._keeper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.wait_until_up()

    def power_off(self) -> None:
        """Cut its power."""
        if self._keeper:
            self._keeper.terminate()
            self._keeper.wait(timeout=WITHIN_S)
            self._keeper = None

    def reboot(self) -> float:
        """Reboot it as an administrator does, and return the seconds until it was up again."""
        before, begin_s = self._process(), time.monotonic()
        self.exec("systemctl", "reboot")
        wait_until(lambda: self._process() not in (before, ""), "it is down")
        self.wait_until_up()
        return time.monotonic() - begin_s

    def reach(self, *command: str) -> list[str]:
        """Return the command prefix that runs another command inside."""
        return [str(SCRIPT), "exec", str(self._directory), *command]

    def _process(self) -> str:
        try:
            return (self._directory / "pid").read_text().strip()
        except FileNotFoundError:
            return ""
