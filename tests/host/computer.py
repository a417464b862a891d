"""Emulate a whole computer: Debian with a kernel of its own, whose power can be cut."""

import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.host.host import Host
from tests.waiting import wait_until

_DISK = Path(__file__).with_name("disk")
BOOTS_WITHIN_S = 300


class Computer(Host):
    """An emulated computer that ends with this process, with its disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = _free_port()
        self._qemu: subprocess.Popen[bytes] | None = None
        self._base = Path()

    def __enter__(self) -> Self:
        self._base = Path(subprocess.check_output([_DISK], text=True).strip())
        self._directory.mkdir(parents=True)
        over = ("-o", f"backing_file={self._base}/disk.qcow2,backing_fmt=qcow2")
        create: list[str | Path] = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            *over,
            self._directory / "disk.qcow2",
        ]
        subprocess.run(create, check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_off()

    def power_on(self) -> float:
        """Boot it, and return the seconds until all services had started."""
        network = f"user,id=lan,hostfwd=tcp:127.0.0.1:{self._port}-:22"
        command: list[str | Path] = [
            "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi",
            "-cpu", "max", "-smp", "2", "-m", "2G", "-display", "none", "-nodefaults",
            "-kernel", self._base / "vmlinuz", "-initrd", self._base / "initrd",
            "-append", "root=/dev/vda rw console=ttyS0 quiet panic=5",
            "-drive", f"file={self._directory}/disk.qcow2,if=virtio,format=qcow2,cache=writeback",
            "-netdev", network, "-device", "virtio-net-pci,netdev=lan", "-device", "virtio-rng-pci",
            "-serial", f"file:{self._directory}/console",
        ]  # fmt: skip
        self._qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        return self.wait_until_up(BOOTS_WITHIN_S)

    def power_off(self) -> None:
        """Cut its power: writes that are not on the disk are lost."""
        if self._qemu:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def reboot(self) -> float:
        """Reboot it as an administrator does, and return the seconds until it was up again."""
        before, begin_s = self._boot(), time.monotonic()
        self.exec("systemctl", "reboot")
        wait_until(lambda: self._boot() not in (before, ""), "it reboots", BOOTS_WITHIN_S)
        self.wait_until_up(BOOTS_WITHIN_S)
        return time.monotonic() - begin_s

    def reach(self, *command: str) -> list[str]:
        """Return the command prefix that runs another command inside."""
        options = {
            "IdentityFile": self._base / "key",
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
            "LogLevel": "ERROR",
            "BatchMode": "yes",
            "ConnectTimeout": 10,
            # One connection for all commands, which avoids a handshake for each.
            "ControlMaster": "auto",
            "ControlPath": self._directory / "ssh",
            "ControlPersist": 60,
            "ServerAliveInterval": 5,
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        return ["ssh", *words, f"-p{self._port}", "root@127.0.0.1", shlex.join(command)]

    @contextmanager
    def following(self, *command: str) -> Iterator[IO[str]]:
        """Yield the output lines of a long-running command as they arrive."""
        process = subprocess.Popen(
            self.reach(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        try:
            yield process.stdout
        finally:
            process.kill()
            process.communicate()

    def _boot(self) -> str:
        done = self.exec("cat", "/proc/sys/kernel/random/boot_id")
        return done.stdout.strip() if done.returncode == 0 else ""


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])
