"""The daemon probes the readiness of real guests, and rolls back an edit that makes one unready."""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from tests.lab.daemon import FILES, Daemon
from tests.lab.guest import BOOTED, EMPTY, GuestFiles, ask_agent, wait_for_agent
from tests.lab.lab import Lab
from tests.lab.session import NETWORK
from tests.waiting import wait_until

WITHIN_S = 90
OFF = "shutdown: {agent: false, acpi: false, force: true}"
GOOD, BAD = "cmdline: console=ttyS0 quiet", "cmdline: console=ttyS0 quiet rdinit=/bin/false panic=0"


class Watched(Daemon):
    """A daemon on specs of the test, with a control socket."""

    def __init__(self, lab: Lab, home: Path, inside: Sequence[str] = ()) -> None:
        super().__init__(lab, home, inside)
        for name in FILES:
            (self.specs / name).unlink()
        self.environment["KVMRECONCILE_CONTROL"] = f"{{socket: {home}/control.sock}}"

    def write(self, name: str, form: str, *more: str, files: GuestFiles | None = None) -> None:
        """Write the spec of a guest."""
        text = form.format(name=name, files=files) + "".join(f"  {line}\n" for line in more)
        (self.specs / f"{name}.yaml").write_text(text)

    def call(self, *words: str) -> Result:
        """Call kvmreconcile with the daemon's settings."""
        return CliRunner(env=self.environment).invoke(app, list(words), catch_exceptions=False)

    def status_of(self, name: str) -> dict[str, Any]:
        """Return the status of a guest, empty while the daemon does not know it."""
        result = self.call("status", f"Domain/{name}", "-o", "json")
        found: dict[str, Any] = json.loads(result.stdout) if result.stdout else {}
        return found

    def wait_for_condition(self, name: str, condition: str, hold: str | None = None) -> dict[str, Any]:
        """Wait until a guest has a condition, with a hold if one is given, and return its status."""

        def is_met() -> bool:
            found = self.status_of(name)
            return (found.get("condition"), found.get("hold") or None) == (condition, hold)

        wait_until(is_met, f"{name} is {condition} {hold or ''}", WITHIN_S)
        return self.status_of(name)

    def wait_until_converged(self) -> None:
        wait_until(lambda: self.call("status").exit_code == 0, "everything is in sync", WITHIN_S)

    def approve(self) -> Result:
        """Approve the current plan."""
        return self.call("approve", json.loads(self.call("status", "-o", "json").stdout)["plan"])

    def runs(self, *names: str) -> dict[str, str]:
        """Return the id of each guest, which changes at each start."""
        return {name: self.lab.virsh("domid", name).strip() for name in names}


@pytest.fixture
def watched(lab: Lab, tmp_path: Path) -> Iterator[Watched]:
    """A daemon without specs that is not started yet."""
    daemon = Watched(lab, tmp_path)
    with stopped_in_the_end(daemon):
        yield daemon


@pytest.fixture
def beside_guests(lab: Lab, tmp_path: Path) -> Iterator[Watched]:
    """The same, where guests can be reached by the addresses that the lab's networks give them."""
    pid = (lab.path / "pid").read_text().strip()
    daemon = Watched(lab, tmp_path, ("nsenter", f"--net=/proc/{pid}/ns/net", "--"))
    with stopped_in_the_end(daemon):
        yield daemon


@contextmanager
def stopped_in_the_end(daemon: Daemon) -> Iterator[None]:
    try:
        yield
    finally:
        daemon.process.stop()
        print(daemon.process.tail())


def test_edit_that_makes_a_guest_unready_is_rolled_back_and_the_next_edit_is_applied(
    watched: Watched, guest_files: GuestFiles
) -> None:
    group = f"update: {{maxEffect: restart, group: tier, rollback: true, {OFF}}}"
    watched.write("web1", BOOTED, "ready: {agent: true, timeout: 60s}", group, files=guest_files)
    watched.write("web2", EMPTY, "ready: {delay: 10ms}", group.replace("tier,", "tier, order: 1,"))
    watched.write("lone", EMPTY)
    watched.start()
    watched.wait_until_converged()
    ran = watched.runs("web1", "web2", "lone")
    stored = watched.lab.virsh("dumpxml", "--inactive", "web1")

    # One write, so that no pass reads half of it.
    text = (watched.specs / "web1.yaml").read_text()
    (watched.specs / "web1.yaml").write_text(text.replace(GOOD, BAD).replace("timeout: 60s", "timeout: 3s"))
    watched.wait_for("action.started", key="Domain/web1")
    watched.edit("web2.yaml", "96MiB", "98MiB")
    watched.edit("lone.yaml", "  memory", "  title: Fixed\n  memory")

    status = watched.wait_for_condition("web1", "Held", "taken-back")
    assert "not ready within 3 s: agent: " in status["why"]
    assert "correct its spec, or approve" in status["release"]
    assert "Domain/web1: " in watched.wait_for_condition("web2", "Held", "rollout")["why"]
    watched.wait_for_condition("lone", "Ready")
    assert watched.lab.virsh("desc", "lone", "--title").strip() == "Fixed"
    wait_for_agent(watched.lab, "web1")
    assert watched.lab.virsh("dumpxml", "--inactive", "web1") == stored
    now = watched.runs("web1", "web2", "lone")
    assert now == {**ran, "web1": now["web1"]}
    assert now["web1"] != ran["web1"]
    assert watched.wait_for("action.failed", key="Domain/web1", verb="ready")["error"]
    held = watched.wait_for("object.held", key="Domain/web1")
    assert (held["why"], status["why"]) == ("the edit was rolled back", f"{held['why']}: {held['detail']}")
    history = watched.call("history", "Domain/web1").stdout
    assert "not ready within 3 s" in history
    assert "an edit is rolled back" in history

    (watched.specs / "web1.yaml").write_text(text.replace("memory", "title: Better\n  memory", 1))

    watched.wait_until_converged()
    assert watched.lab.virsh("desc", "web1", "--title").strip() == "Better"
    now = watched.runs("web2", "lone")
    assert now["web2"] != ran["web2"]
    assert now["lone"] == ran["lone"]


def test_rolled_back_edit_is_retried_each_time_it_is_approved(watched: Watched) -> None:
    with closing(socket.socket()) as port:
        # Nothing listens there yet.
        port.bind(("127.0.0.1", 0))
        needs = f"ready: {{tcp: {{port: {port.getsockname()[1]}, address: 127.0.0.1}}, timeout: 1s}}"
        update = f"update: {{maxEffect: restart, rollback: true, {OFF}}}"
        watched.write("web", EMPTY, "ready: {delay: 10ms}", update)
        watched.start()
        watched.wait_until_converged()
        watched.write("web", EMPTY.replace("96", "98"), needs, update)
        watched.wait_for_condition("web", "Held", "taken-back")
        ran = watched.runs("web")

        # Without approval it is not retried.
        assert watched.call("reconcile").exit_code == 0
        while "reconcile" not in watched.wait_for("pass.started")["rung_by"]:
            continue
        watched.wait_for("pass.ended")
        assert watched.status_of("web")["hold"] == "taken-back"
        assert watched.runs("web") == ran

        assert watched.approve().exit_code == 0
        watched.wait_for("action.failed", key="Domain/web", verb="ready")
        watched.wait_for_condition("web", "Held", "taken-back")
        assert str(98 * 1024) not in watched.lab.virsh("dumpxml", "web")

        port.listen()
        assert watched.approve().exit_code == 0
        watched.wait_until_converged()
        assert str(98 * 1024) in watched.lab.virsh("dumpxml", "web")


def test_guest_is_unready_while_its_service_is_down_and_triggers_no_pass(
    beside_guests: Watched, guest_files: GuestFiles
) -> None:
    watched = beside_guests
    (watched.specs / "lan.yaml").write_text(NETWORK)
    nic, ready = "interfaces: [{name: lan, network: lan}]", "ready: {lease: true, tcp: 7777}"
    watched.write("web", BOOTED, nic, ready, files=guest_files)
    watched.start()
    wait_for_agent(watched.lab, "web")
    serve(watched.lab)
    watched.wait_until_converged()

    ask_agent(watched.lab, "web", "guest-exec", path="/bin/killall", arg=["httpd"])
    assert watched.call("reconcile").exit_code == 0

    assert "port 7777: Connection refused" in watched.wait_for_condition("web", "Unready")["why"]
    assert watched.call("status").exit_code == 3
    watched.wait_for("object.unready", key="Domain/web")
    serve(watched.lab)
    watched.wait_until_converged()
    watched.wait_for("object.ready", key="Domain/web")
    events = [line["event"] for line in watched.lines()]
    assert events.count("object.unready") == events.count("object.ready") == 1
    assert events[events.index("object.unready") : events.index("object.ready")] == ["object.unready"]


def serve(lab: Lab) -> None:
    """Have the guest accept connections."""
    ask_agent(lab, "web", "guest-exec", path="/bin/httpd", arg=["-p", "7777"])
