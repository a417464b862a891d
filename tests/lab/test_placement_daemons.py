"""A guest moves between two hosts whose daemons follow one git repository."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.lab.background import Background
from tests.lab.guest import GuestFiles, wait_for_agent
from tests.lab.hosts import BOOTED, NAME, Host, Hosts, never_twice
from tests.lab.lab import Lab
from tests.origin import Origin
from tests.waiting import wait_until


@dataclass(frozen=True)
class DaemonHost(Host):
    """
    A host with a daemon.

    Attributes:
        poll: How often the daemon fetches the repository.
    """

    poll: str = ""

    @property
    def specs(self) -> Path:
        """The work tree of the repository."""
        return self.directory / "origin"

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of this host's daemon."""
        return {
            **super().settings,
            "KVMRECONCILE_GIT": f"{{url: {self.specs}, poll: {self.poll}}}",
            "KVMRECONCILE_CONTROL": f"{{socket: {self.directory}/{self.name}.sock}}",
        }

    @cached_property
    def daemon(self) -> Background:
        """The daemon, not started yet."""
        words = {"KVMRECONCILE_CONNECT": self.lab.uri, "KVMRECONCILE_STATE": str(self.state)}
        return Background({**os.environ, **self.settings, **words}, self.directory / f"{self.name}.log")

    def status(self) -> Mapping[str, Any]:
        """Return the status, empty while the daemon does not answer."""
        self.daemon.check()
        found = self.run("status", "-o", "json").stdout
        status: Mapping[str, Any] = json.loads(found) if found else {}
        return status

    def has_seen(self, commit: str) -> bool:
        """Return whether the last pass used this commit."""
        return ((self.status() or {}).get("revision") or {}).get("commit") == commit

    def holds_move(self) -> bool:
        """Return whether the steps on the guest are held as it moves."""
        holds = {each["key"]: each["hold"] for each in self.status().get("objects", ())}
        return holds.get(f"Domain/{NAME}") == "moved"

    def wait_until_seen(self, commit: str) -> None:
        """Wait until the daemon, which is asked to fetch unless it does so every second, holds the move of a commit."""
        if self.poll != "1s":
            assert self.run("reconcile").exit_code == 0
        wait_until(lambda: self.has_seen(commit), f"{self.name} has seen the commit")
        assert self.holds_move()

    def wait_until_idle(self) -> None:
        """Wait until the daemon has nothing to do."""
        wait_until(lambda: self.run("status").exit_code == 0, f"{self.name} is idle")

    def restart_killed(self) -> None:
        """Kill the daemon, start it, and wait until it holds the move again."""
        self.daemon.kill()
        self.daemon.start()
        wait_until(self.holds_move, f"{self.name} holds the move again")

    def approve(self) -> None:
        """Have the daemon execute its plan, and wait until it has nothing left to do."""
        approved = self.run("approve", self.status()["plan"])
        assert approved.exit_code == 0, approved.output
        self.wait_until_idle()


@pytest.fixture(params=["kvm1", "kvm2"])
def order(request: pytest.FixtureRequest) -> list[str]:
    """The names of the hosts in the order in which they see a commit."""
    return sorted(("kvm1", "kvm2"), key=lambda name: bool(name != request.param))


@pytest.fixture
def daemons(lab: Lab, second: Lab, tmp_path: Path, order: list[str]) -> Iterator[dict[str, DaemonHost]]:
    """The hosts by name; only the daemon that sees commits first polls."""
    second.reset()
    polls = dict(zip(order, ("1s", "1h"), strict=True))
    hosts = {
        name: DaemonHost(each, tmp_path, name, polls[name])
        for name, each in (("kvm1", lab), ("kvm2", second))
    }
    with never_twice(lab, second):
        yield hosts
        for host in hosts.values():
            host.daemon.stop()
            print(host.daemon.tail())


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("killed", "storage"),
    # On separate storage, no lock of a disk keeps a second guest from running.
    [("none", "shared"), ("kvm1", "shared"), ("kvm2", "shared"), ("kvm2", "separate")],
)
def test_commit_moves_a_guest_once_each_daemon_has_the_approval(
    daemons: dict[str, DaemonHost], order: list[str], killed: str, storage: str, guest_files: GuestFiles
) -> None:
    kvm1, kvm2 = daemons["kvm1"], daemons["kvm2"]
    origin = Origin(kvm1.directory)
    disks = kvm1.directory / "disks"
    hosts = Hosts(kvm1, kvm2, (disks, disks if storage == "shared" else disks.with_name("disks-kvm2")))
    hosts.write(BOOTED, files=guest_files)
    commit(origin, "web is on kvm1")
    for host in (kvm1, kvm2):
        host.daemon.start()
    for host in (kvm1, kvm2):
        host.wait_until_idle()
    hosts.write_data()
    wait_for_agent(kvm1.lab, NAME)

    hosts.move("kvm1", "kvm2")
    moved = commit(origin, "web moves to kvm2")
    for host in (daemons[name] for name in order):
        host.wait_until_seen(moved)
        if host.name == killed:
            host.restart_killed()
        assert hosts.running() == ["kvm1"]

    kvm1.approve()
    assert hosts.running() == []
    assert not kvm1.has_guest()
    assert kvm2.holds_move()

    kvm2.approve()
    kvm1.wait_until_idle()
    hosts.assert_moved()


def commit(origin: Origin, message: str) -> str:
    """Commit all specs, and return the commit."""
    origin.git("add", "--all")
    origin.git("commit", "--quiet", f"--message={message}")
    return origin.git("rev-parse", "HEAD")
