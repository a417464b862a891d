"""A guest moves between two hosts that read the same specs: it never runs on both, and its data is kept."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import libvirt
import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import NETWORK, POOL, Session, run_virsh_with_xml
from tests.lab.test_kill import is_killed
from tests.origin import Origin

NAME = "web"
PATTERN = "the data of the guest"
SIZE = 1 << 20
_PAUSE_S = 0.02
_HELD = 3  # the exit status of an apply that holds steps

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
        assert self.running() == ["kvm1"]
        disk = self.disks[0] / NAME
        disk.write_bytes(PATTERN.encode().ljust(SIZE, b"\0"))

    def running(self) -> list[str]:
        """Return the hosts on which the guest runs."""
        return [host.name for host in (self.kvm1, self.kvm2) if host.is_running()]

    def assert_data_is_kept(self) -> None:
        """Fail unless the disk of the first host has what was written to it."""
        content = (self.disks[0] / NAME).read_bytes()
        assert content.startswith(PATTERN.encode())
        assert len(content) == SIZE

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
        while not stop.wait(_PAUSE_S):
            looks.append(1)
            # The first host is asked again, as the guest may have ended there in the meantime.
            if all(is_in(each) for each in (first, second, first)):
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


def is_in(connection: libvirt.virConnect) -> bool:
    running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
    return NAME in {domain.name() for domain in running}


@pytest.fixture(scope="module")
def second() -> Iterator[Lab]:
    """The lab of the second host."""
    with Lab() as lab:
        yield lab


@pytest.fixture(params=["shared storage", "separate storage"])
def hosts(lab: Lab, second: Lab, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """Two hosts without any object, on which the guest never runs at the same time."""
    second.reset()
    names = ("disks", "disks") if request.param == "shared storage" else ("disks-kvm1", "disks-kvm2")
    one, other = (tmp_path / name for name in names)
    found = Hosts(Host(lab, tmp_path, "kvm1"), Host(second, tmp_path, "kvm2"), (one, other))
    with never_twice(lab, second):
        yield found


shared_storage = pytest.mark.parametrize("hosts", ["shared storage"], indirect=True)


@pytest.fixture
def every(request: pytest.FixtureRequest) -> int:
    """Return the number of side effects between two kills."""
    return 1 if request.config.getoption("--full") else 3


def test_two_running_guests_are_noticed(lab: Lab, second: Lab) -> None:
    second.reset()
    xml = f"<domain type='qemu'><name>{NAME}</name><memory>32768</memory><os><type>hvm</type></os></domain>"
    for each in (lab, second):
        run_virsh_with_xml(each, "create", xml)

    with pytest.raises(AssertionError, match="ran on both hosts"), never_twice(lab, second):
        time.sleep(10 * _PAUSE_S)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", ["kvm1", "kvm2"])
def test_guest_moves_once_its_removal_and_its_creation_are_approved(
    hosts: Hosts, guest_files: GuestFiles, first: str
) -> None:
    hosts.write(BOOTED, files=guest_files)
    hosts.start()
    wait_for_agent(hosts.kvm1.lab, NAME)
    hosts.move("kvm1", "kvm2")

    for host in sorted((hosts.kvm1, hosts.kvm2), key=lambda host: host.name != first):
        host.apply()
        assert "Domain/web" in host.moved()
        assert hosts.running() == ["kvm1"]

    hosts.kvm1.approve()
    hosts.kvm2.apply()
    assert hosts.running() == []
    assert not hosts.kvm1.has_guest()
    hosts.assert_data_is_kept()

    hosts.kvm2.approve()
    hosts.assert_moved()


@shared_storage
def test_creation_that_is_approved_too_early_fails_at_the_lock_of_the_disk(
    hosts: Hosts, guest_files: GuestFiles
) -> None:
    hosts.write(BOOTED, files=guest_files)
    hosts.start()
    wait_for_agent(hosts.kvm1.lab, NAME)
    hosts.move("kvm1", "kvm2")

    early = hosts.kvm2.apply("--approve", hosts.kvm2.plan()["digest"])

    assert early.exit_code != 0
    assert 'Failed to get "write" lock' in " ".join(early.output.split())
    assert hosts.running() == ["kvm1"]
    hosts.kvm1.approve()
    hosts.kvm2.converge()
    hosts.assert_moved()


@shared_storage
def test_host_that_never_saw_the_guest_elsewhere_does_not_create_it_on_the_disk_of_another(
    hosts: Hosts,
) -> None:
    hosts.write(GUEST)
    hosts.kvm1.converge()
    hosts.move("kvm1", "kvm2")

    # An earlier run must not make the disk look like one that this host created.
    for _run in range(3):
        hosts.kvm2.apply()
        assert hosts.kvm2.moved() == {"Domain/web"}
        assert hosts.running() == ["kvm1"]


def test_spec_that_is_gone_or_invalid_in_between_does_not_create_a_second_guest(hosts: Hosts) -> None:
    hosts.write(GUEST)
    hosts.start()
    spec = (hosts.kvm1.specs / "web.yaml").read_text()

    for text in ("", "kind: [", spec.replace("memory", "memry")):
        hosts.kvm1.write("web.yaml", text)
        hosts.kvm1.apply()
        hosts.kvm2.apply()
    hosts.kvm1.write("web.yaml", spec.replace("hosts: [kvm1]", "hosts: [kvm2]"))
    hosts.kvm2.apply()

    assert "Domain/web" in hosts.kvm2.moved()
    assert hosts.running() == ["kvm1"]


def test_guest_that_is_moved_back_before_its_removal_was_approved_keeps_running(hosts: Hosts) -> None:
    hosts.write(GUEST)
    hosts.start()
    hosts.move("kvm1", "kvm2")
    hosts.kvm1.apply()
    hosts.kvm2.apply()

    hosts.move("kvm2", "kvm1")

    hosts.kvm1.assert_in_sync()
    hosts.kvm2.assert_in_sync()
    hosts.kvm1.converge()
    assert hosts.running() == ["kvm1"]
    hosts.assert_data_is_kept()


def test_guest_that_is_moved_back_after_it_was_shut_down_is_started_only_when_approved(hosts: Hosts) -> None:
    hosts.write(GUEST)
    hosts.start()
    hosts.move("kvm1", "kvm2")
    hosts.kvm1.apply()
    hosts.kvm1.lab.virsh("destroy", NAME)

    hosts.move("kvm2", "kvm1")
    hosts.kvm1.apply()
    assert hosts.kvm1.moved() == {"Domain/web"}
    assert hosts.running() == []

    hosts.kvm1.approve()
    assert hosts.running() == ["kvm1"]
    hosts.assert_data_is_kept()


def moved_in_specs(hosts: Hosts, guest: str = GUEST, **more: Any) -> None:
    """Empty both hosts, let the guest run on the first one, and edit its specs to the second one."""
    for host in (hosts.kvm1, hosts.kvm2):
        host.lab.reset()
        shutil.rmtree(host.state, ignore_errors=True)
    for directory in {*hosts.disks}:
        shutil.rmtree(directory, ignore_errors=True)
    hosts.write(guest, **more)
    hosts.start()
    hosts.move("kvm1", "kvm2")


def remove_by_hand(host: Host) -> None:
    """Remove the guest as an administrator would, which is quicker than a shutdown."""
    host.lab.virsh("destroy", NAME)
    host.lab.virsh("undefine", NAME)


@pytest.mark.figures
@pytest.mark.timeout(900)
def test_removal_killed_at_its_side_effects_never_lets_two_guests_run(
    hosts: Hosts, guest_files: GuestFiles, every: int
) -> None:
    effects = 1
    while is_removal_killed(hosts, guest_files, effects):
        hosts.kvm2.apply()
        assert not hosts.kvm2.has_guest(), f"after {effects} side effects"
        hosts.kvm1.approve()
        hosts.kvm2.approve()
        hosts.assert_moved()
        effects += every
    assert effects > every
    print(f"killed after {effects - every} side effects at most")


def is_removal_killed(hosts: Hosts, files: GuestFiles, effects: int) -> bool:
    moved_in_specs(hosts, BOOTED, files=files)
    wait_for_agent(hosts.kvm1.lab, NAME)
    return is_killed(hosts.kvm1, effects, "--approve", hosts.kvm1.plan()["digest"])


@pytest.mark.figures
@pytest.mark.timeout(900)
def test_creation_killed_at_its_side_effects_converges(hosts: Hosts, every: int) -> None:
    effects = 1
    while is_creation_killed(hosts, effects):
        hosts.kvm2.apply()
        hosts.kvm1.converge()
        hosts.kvm2.approve()
        hosts.assert_moved()
        effects += every
    assert effects > every
    print(f"killed after {effects - every} side effects at most")


def is_creation_killed(hosts: Hosts, effects: int) -> bool:
    moved_in_specs(hosts)
    remove_by_hand(hosts.kvm1)
    return is_killed(hosts.kvm2, effects, "--approve", hosts.kvm2.plan()["digest"])


@pytest.mark.timeout(900)
def test_host_that_is_killed_remembers_that_the_guest_was_on_another(hosts: Hosts) -> None:
    moved_in_specs(hosts)
    effects = 1
    while True:
        # Something to do, so that the state is written.
        hosts.kvm1.write("more.yaml", STAYS.format(host="kvm2").replace("stays-", f"more-{effects}-"))
        if not is_killed(hosts.kvm2, effects, status=_HELD):
            break
        hosts.kvm2.apply()
        assert "Domain/web" in hosts.kvm2.moved()
        effects += 1
    assert effects > 1
    assert hosts.running() == ["kvm1"]


@pytest.fixture
def origin(hosts: Hosts) -> Origin:
    """A repository with a directory for each host, in which a symbolic link leads to a network of both."""
    origin = Origin(hosts.kvm1.directory)
    for host in (hosts.kvm1, hosts.kvm2):
        directory = origin.path / "hosts" / host.name
        directory.mkdir(parents=True)
        (directory / "lan.yaml").symlink_to("../../shared/lan.yaml")
    origin.commit(NETWORK, name="shared/lan.yaml")
    return origin


def apply_from_git(host: Host, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVMRECONCILE_GIT", f"{{url: {origin.path}, directory: hosts/{host.name}}}")
    for words in (("fetch",), ("apply", "--yes")):
        result = host.run(*words)
        assert result.exit_code == 0, result.output


@shared_storage
def test_network_that_hosts_share_by_a_link_is_changed_on_each(
    hosts: Hosts, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = NETWORK.replace("192.0.2.22}", "192.0.2.23}")
    for text, address in ((NETWORK, "192.0.2.22"), (edited, "192.0.2.23")):
        origin.commit(text + "\n", name="shared/lan.yaml")
        for host in (hosts.kvm1, hosts.kvm2):
            apply_from_git(host, origin, monkeypatch)
            assert address in host.lab.virsh("net-dumpxml", "lan")
