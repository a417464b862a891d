"""Start and use a lab: a private libvirtd that ends with this process."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Literal, Self

import libvirt

from tests.processes import signal_script

SCRIPT = Path(__file__).with_name("lab")
MODULAR = (
    "virtsecretd",
    "virtnwfilterd",
    "virtnodedevd",
    "virtinterfaced",
    "virtnetworkd",
    "virtstoraged",
    "virtqemud",
)
"""libvirt's modular daemons that a lab may have (https://libvirt.org/daemons.html)."""
_BUILT = Path(__file__).parents[2] / ".cache/lab/modular"

_numbers = count(1)

_UNDEFINE_ALL_OF_IT = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)


def has_modular_daemons() -> bool:
    """Return whether libvirt's modular daemons are installed, or were built for labs."""
    directories = os.pathsep.join((os.environ["PATH"], "/usr/sbin", str(_BUILT)))
    return all(shutil.which(name, path=directories) for name in MODULAR)


class LabError(Exception):
    """A command of or in the lab failed; the message has the command and its output."""


class Lab:
    """
    A private libvirtd, virtlogd and dnsmasq in namespaces of their own.

    Labs that run at the same time are isolated from each other. A lab ends with its `with` block, or when this process ends for any reason.

    Args:
        daemons: libvirtd, or libvirt's modular daemons, each of which has a driver of its own; "" leaves it to
            KVMRECONCILE_LAB_DAEMONS.
    """

    def __init__(self, name: str | None = None, daemons: Literal["monolithic", "modular", ""] = "") -> None:
        self.name = name or f"p{os.getpid()}-{next(_numbers)}"
        self._variables = {"KVMRECONCILE_LAB_DAEMONS": daemons} if daemons else {}
        self.path = Path(self._script("path").strip())
        self.uri = self._script("uri").strip()
        self._leash: int | None = None
        self._nwfilters: frozenset[str] = frozenset()
        self._links: frozenset[str] = frozenset()
        self._crashes = 0

    def __enter__(self) -> Self:
        read_end, self._leash = os.pipe()
        try:
            self._script("up", "--leash", stdin=read_end)
        except LabError:
            self._let_go()
            raise
        finally:
            os.close(read_end)
        with self.connect() as connection:
            self._nwfilters = frozenset(connection.listNWFilters())
        self.keep_links()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._leash is not None:
            self._let_go()
            self._script("down")

    def keep(self) -> None:
        """Let the lab outlive this process, until `lab -n NAME down`."""
        assert self._leash is not None
        # The lab ends when no process holds its pipe open: pass it to a process inside, which ends with the lab.
        hold = (str(SCRIPT), "-n", self.name, "exec", "setsid", "--fork", "sleep", "infinity")
        quiet = subprocess.DEVNULL
        subprocess.run(hold, check=True, pass_fds=[self._leash], stdin=quiet, stdout=quiet, stderr=quiet)
        self._let_go()

    def _let_go(self) -> None:
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None

    def virsh(self, *arguments: str) -> str:
        """Run a virsh command from outside the lab and return what it prints."""
        return _output("virsh", "--quiet", "--connect", self.uri, *arguments)

    def answers(self) -> bool:
        """Return whether the main daemon answers."""
        with suppress(LabError):
            self.virsh("version")
            return True
        return False

    def exec(self, *command: str) -> str:
        """Run a command inside the lab and return what it prints."""
        return self._script("exec", *command)

    def signal(self, name: str, command: str, *pids: str) -> None:
        """Send a signal to processes of the lab with this command; by the shell, as a minimal Debian has no kill(1)."""
        self.exec("sh", "-c", signal_script(name, " ".join(pids), command))

    @property
    def main_daemon(self) -> str:
        """The daemon to which `uri` connects: libvirtd or virtqemud."""
        return self.daemon_of("qemu")

    def daemon_of(self, driver: str) -> str:
        """Return the daemon that has a driver of libvirt, such as "network"."""
        return f"virt{driver}d" if "virtqemud" in self.uri else "libvirtd"

    def restart_libvirtd(self, signal: str = "TERM") -> None:
        """End the main daemon by a signal, such as KILL for a crash, and start it again; guests keep running."""
        self.restart_daemon(self.main_daemon, signal)

    def restart_daemon(self, daemon: str, signal: str = "TERM") -> None:
        """End one of libvirt's daemons by a signal, and start it again."""
        self._script("restart", signal, daemon)

    @contextmanager
    def without(self, daemon: str) -> Iterator[None]:
        """Kill one of libvirt's daemons, and start it again in the end."""
        self._script("stop", "KILL", daemon)
        try:
            yield
        finally:
            self._script("start", daemon)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the main daemon (SIGSTOP) until the block ends."""
        pid = self.exec("cat", f"/run/{self.main_daemon}.pid").strip()
        self.signal("STOP", self.main_daemon, pid)
        try:
            yield
        finally:
            self.signal("CONT", self.main_daemon, pid)

    def new_crashes(self) -> list[str]:
        """Return the daemons that crashed since the last call, such as ["virtqemud"]; all were started again."""
        crashes = self.path / "crashes"
        lines = crashes.read_text().splitlines() if crashes.exists() else []
        new = lines[self._crashes :]
        self._crashes = len(lines)
        return [line.split()[0] for line in new]

    @contextmanager
    def connect(self) -> Iterator[libvirt.virConnect]:
        """Yield a connection, and close it in the end."""
        connection = libvirt.open(self.uri)
        try:
            yield connection
        finally:
            connection.close()

    def pid_of(self, domain: str) -> str:
        """Return the process id of a running guest's QEMU in the lab's namespace."""
        return self.exec("cat", f"/run/libvirt/qemu/{domain}.pid").strip()

    def keep_links(self) -> None:
        """Keep the network devices that exist now over a reset."""
        self._links = self._list_links()

    def reset(self) -> None:
        """Remove all domains, networks, pools, secrets, filters, links and images, including those of other tools."""
        with self.connect() as connection:
            _remove_domains(connection)
            _remove_all(connection.listAllNetworks())
            _remove_all(connection.listAllStoragePools())
            for secret in connection.listAllSecrets():
                secret.undefine()
            for nwfilter in connection.listAllNWFilters():
                if nwfilter.name() not in self._nwfilters:
                    nwfilter.undefine()
        for link in self._list_links() - self._links:
            # Both ends of a veth pair are listed, and are removed together.
            with suppress(LabError):
                self.exec("ip", "link", "delete", link)
        for directory in ("images", "lib/images"):
            _output("find", str(self.path / directory), "-mindepth", "1", "-delete")

    def _list_links(self) -> frozenset[str]:
        listed = json.loads(self.exec("ip", "-json", "link", "show"))
        return frozenset(link["ifname"] for link in listed)

    def _script(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> str:
        return _output(str(SCRIPT), "-n", self.name, *arguments, stdin=stdin, variables=self._variables)


def _remove_domains(connection: libvirt.virConnect) -> None:
    for domain in connection.listAllDomains():
        persistent = domain.isPersistent()
        if domain.isActive():
            # It may be shutting down by itself.
            with suppress(libvirt.libvirtError):
                domain.destroy()
        if persistent:
            domain.undefineFlags(_UNDEFINE_ALL_OF_IT)


def _remove_all(objects: Iterable[libvirt.virNetwork | libvirt.virStoragePool]) -> None:
    for each in objects:
        persistent = each.isPersistent()
        if each.isActive():
            each.destroy()
        if persistent:
            each.undefine()


def _output(
    *command: str, stdin: int = subprocess.DEVNULL, variables: Mapping[str, str] = MappingProxyType({})
) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, check=False, stdin=stdin, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout
