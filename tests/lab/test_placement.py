"""A guest moves between two hosts that read the same specs: it never runs on both, and its data is kept."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.hosts import BOOTED, GUEST, NAME, PAUSE_S, STAYS, Host, Hosts, never_twice
from tests.lab.lab import Lab
from tests.lab.session import NETWORK, run_virsh_with_xml
from tests.lab.test_kill import is_killed
from tests.origin import Origin

_HELD = 3  # the exit status of an apply that holds steps


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
        time.sleep(10 * PAUSE_S)


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


@pytest.mark.full
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


@pytest.mark.full
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
