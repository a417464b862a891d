"""Two hosts that read the same specs, and a guest that moves between them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import libvirt

from tests.lab.lab import Lab
from tests.lab.session import POOL, Session

NAME = "web"
_PATTERN = "the data of the guest"
_SIZE = 1 << 20
PAUSE_S = 0.02

POOL_OF_HOST = POOL.replace("{{name: images}}", "{{name: images, hosts: [{host}]}}")
DISK = f"""\
apiVersion: kvmreconcile/v1
kind: Volume
metadata: {{{{name: {NAME}, hosts: [{{host}}]}}}}
spec: {{{{pool: images, capacity: 1MiB, format: raw}}}}
"""
GUEST = f"""\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{{{name: {NAME}, hosts: [{{host}}]}}}}
spec:
  type: qemu
  memory: 96MiB
  disks: [{{{{name: data, volume: {{{{pool: images, name: {NAME}}}}}}}}}]
"""
# GUEST finds nothing to boot from, so that it starts in no time; only this one shuts down when it is asked to.
BOOTED = GUEST + "  boot: {{kernel: {files.vmlinuz}, initrd: {files.initrd}, cmdline: console=ttyS0 quiet}}\n"
# Both hosts have a guest that stays, as no removal is allowed without any spec.
STAYS = """\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: stays-{host}, hosts: [{host}]}}
spec: {{type: qemu, memory: 32MiB, state: stopped}}
"""


@dataclass(frozen=True)
class Host(Session):
    """A host with a name, and a state of its own, that reads the specs of all hosts."""

    name: str = ""

    @property
    def state(self) -> Path:
        """The directory of this host's state."""
        return self.directory / f"state-{self.name}"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of this host."""
        return {**super().settings, "KVMRECONCILE_HOST": self.name}

    def is_running(self) -> bool:
        """Return whether the guest runs here."""
        return NAME in self.lab.virsh("list", "--name").split()

    def has_guest(self) -> bool:
        """Return whether the guest is defined here, running or not."""
        return NAME in self.lab.virsh("list", "--all", "--name").split()

    def approve(self) -> None:
        """Apply the plan with an approval of what it holds, and fail unless that succeeds."""
        self.converge("--approve", self.plan()["digest"])

    def moved(self) -> set[str]:
        """Return the keys of the steps that are held as their object moves."""
        return {held["key"] for held in self.plan()["held"] if held["hold"] == "moved"}


@dataclass(frozen=True)
class Hosts:
    """
    Two hosts with one directory of specs.

    Attributes:
        disks: The directories of the pools of the first and the second host, which are equal on shared storage.
    """

    kvm1: Host
    kvm2: Host
    disks: tuple[Path, Path]

    @property
    def is_shared(self) -> bool:
        """Whether both hosts have the same storage."""
        return self.disks[0] == self.disks[1]

    def write(self, guest: str, **more: Any) -> None:
        """Write the specs, with the guest on the first host."""
        for host, directory in zip((self.kvm1, self.kvm2), self.disks, strict=True):
            directory.mkdir(parents=True, exist_ok=True)
            text = POOL_OF_HOST.format(host=host.name, path=directory)
            host.write(f"{host.name}.yaml", "---\n".join((text, STAYS.format(host=host.name))))
        self.kvm1.write("web.yaml", f"{DISK}---\n{guest}".format(host="kvm1", **more))

    def move(self, source: str, target: str) -> None:
        """Edit the specs of the guest and its disk: they are for another host."""
        self.kvm1.edit("web.yaml", f"hosts: [{source}]", f"hosts: [{target}]")

    def start(self) -> None:
        """Let both hosts converge, with the guest on the first one, and write data to its disk."""
        self.kvm1.converge()
        self.kvm2.converge()
        self.write_data()

    def write_data(self) -> None:
        """Write data to the disk of the guest, which must run on the first host."""
        assert self.running() == ["kvm1"]
        disk = self.disks[0] / NAME
        disk.write_bytes(_PATTERN.encode().ljust(_SIZE, b"\0"))

    def running(self) -> list[str]:
        """Return the hosts on which the guest runs."""
        return [host.name for host in (self.kvm1, self.kvm2) if host.is_running()]

    def assert_data_is_kept(self) -> None:
        """Fail unless the disk of the first host has what was written to it."""
        content = (self.disks[0] / NAME).read_bytes()
        assert content.startswith(_PATTERN.encode())
        assert len(content) == _SIZE

    def assert_moved(self) -> None:
        """Fail unless the guest is on the second host only, and both hosts have nothing to do."""
        assert self.running() == ["kvm2"]
        assert not self.kvm1.has_guest()
        self.kvm1.assert_in_sync()
        self.kvm2.assert_in_sync()
        self.assert_data_is_kept()


@contextmanager
def never_twice(*labs: Lab) -> Iterator[None]:
    """Fail if the guest runs on both hosts at any moment of the block."""
    stop, twice, looks = Event(), Event(), []

    def look() -> None:
        first, second = (libvirt.openReadOnly(lab.uri) for lab in labs)
        while not stop.wait(PAUSE_S):
            looks.append(1)
            # The first host is asked again, as the guest may have ended there in the meantime.
            if all(_is_in(each) for each in (first, second, first)):
                twice.set()
        first.close()
        second.close()

    thread = Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert looks, "nothing was observed"
    assert not twice.is_set(), f"{NAME} ran on both hosts"


def _is_in(connection: libvirt.virConnect) -> bool:
    """Return whether the guest runs."""
    running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
    return NAME in {domain.name() for domain in running}
