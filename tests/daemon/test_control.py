"""Control a daemon on libvirt's test driver from the command line."""

import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from kvmreconcile.cli.app import app
from kvmreconcile.cli.hints import Hints
from kvmreconcile.model import Action, Commands, Held, Hold, HostId, Key, Plan, Reason, Root, SpecSource
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.settings.loading import read_settings
from kvmreconcile.state import State
from kvmreconcile.tree import Effect
from tests.control.served import request, status_of
from tests.hints import commands
from tests.origin import Origin

WITHIN_S = 60
NETWORK = "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {spec}\n"


@dataclass
class Host:
    """A daemon, its specs, and a command line with the same settings."""

    home: Path
    settings: dict[str, str] = field(default_factory=dict)
    popens: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "KVMRECONCILE_CONFIG": "",
            "KVMRECONCILE_CONNECT": "test:///default",
            "KVMRECONCILE_STATE": str(self.home / "state"),
            "KVMRECONCILE_SPECS": str(self.home / "specs"),
            "KVMRECONCILE_CONTROL": f"{{socket: {self.home}/control.sock}}",
            **self.settings,
        }

    def start(self) -> None:
        """Start the daemon, and wait for the first pass."""
        command = [sys.executable, "-m", "kvmreconcile", "run"]
        with (self.home / "log").open("ab") as log:
            popen = subprocess.Popen(command, env=os.environ | self.environment, stdout=log, stderr=log)
        self.popens.append(popen)
        self.wait_until(lambda: self.run("status").exit_code in (0, 3) and self.status()["pass"] is not None)

    def end(self, number: int) -> None:
        self.popens[-1].send_signal(number)
        self.popens[-1].wait(WITHIN_S)

    def hook(self, body: bytes, secret: str) -> int:
        """Call the webhook as a forge does, and return the HTTP status."""
        signature = hmac.new(secret.encode(), body, sha256).hexdigest()
        sent = request("POST /v1/hooks/git", body, X_Hub_Signature_256=f"sha256={signature}")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(WITHIN_S)
            connection.connect(str(self.home / "control.sock"))
            connection.sendall(sent)
            return status_of(connection.recv(65536))

    def run(self, *words: str) -> Result:
        return CliRunner(env=self.environment).invoke(app, list(words), catch_exceptions=False)

    def paste(self, command: str) -> str:
        """Run a command in a shell, and return what it prints."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | self.environment | {"PATH": path}
        done = subprocess.run(
            ["bash", "-c", command], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode in (0, 3), f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "-o", "json").stdout)
        return found

    def conditions(self) -> dict[str, str]:
        return {each["key"]: each["condition"] for each in self.status()["objects"]}

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        end_s = time.monotonic() + WITHIN_S
        while not is_so():
            assert time.monotonic() < end_s, self.run("status").output + (self.home / "log").read_text()
            time.sleep(0.05)

    def spec(self, name: str, spec: str = "{}") -> None:
        (self.home / f"specs/{name}.yaml").write_text(NETWORK.format(name=name, spec=spec))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path)
    (tmp_path / "specs").mkdir()
    host.spec("lab")
    host.spec("dmz")
    yield host
    for popen in host.popens:
        if popen.poll() is None:
            popen.kill()
            popen.wait(WITHIN_S)


@pytest.fixture
def running(host: Host) -> Host:
    host.start()
    host.wait_until(lambda: host.status()["converged"])
    return host


def test_status_reports_ready_objects_and_spec_problems(running: Host) -> None:
    in_sync = running.run("status")
    assert in_sync.exit_code == 0
    assert "Network/lab  Ready" in in_sync.stdout
    assert "2 ready" in in_sync.stdout
    assert "spec      " not in running.run("status", "Network/lab").stdout

    (running.home / "specs/lab.yaml").write_text("kind: Network\nmetadata: {name: lab}\nspec: [\n")
    running.wait_until(lambda: bool(running.status()["problems"]))

    problem = running.run("status")
    assert problem.exit_code == 3
    assert f"{running.home}/specs/lab.yaml:" in problem.stdout
    assert running.run("status", "Network/dmz").exit_code == 0


@pytest.mark.case("54")
def test_object_of_another_source_is_reported_and_unchanged(running: Host) -> None:
    with closing(State.open(running.home / "state")) as state:
        state.sources.put({Key("Network", "dmz"): SpecSource((Root("/srv/former"),))})
    (running.home / "specs/dmz.yaml").unlink()
    running.wait_until(lambda: bool(running.status()["notConsidered"]))

    assert running.status()["notConsidered"] == [{"source": "/srv/former", "objects": ["Network/dmz"]}]
    assert running.conditions() == {"Network/lab": "Ready"}
    output = running.run("status")
    assert output.exit_code == 0
    line = "1 object of another source is not considered (Network/dmz, from /srv/former)"
    assert f"{line}; plan and apply include its removal with --prune confirm.\n" in output.stdout


def test_held_removal_is_executed_only_after_its_plan_is_approved(running: Host) -> None:
    (running.home / "specs/dmz.yaml").unlink()
    running.wait_until(lambda: running.conditions().get("Network/dmz") == "Held")
    digest = running.status()["plan"]
    assert "removal needs approval" in running.run("status", "Network/dmz").stdout

    wrong_digest = running.run("approve", "0123456789ab")
    assert wrong_digest.exit_code == 1
    assert f"nothing was approved: the current plan is {digest}" in wrong_digest.stderr
    assert running.conditions()["Network/dmz"] == "Held"

    assert running.run("approve", digest, "--why", "moved").exit_code == 0
    running.wait_until(lambda: running.conditions() == {"Network/lab": "Ready"})
    assert "moved" in running.run("history").stdout
    entries = json.loads(running.run("history", "-o", "json").stdout)["entries"]
    (order,) = (entry for entry in entries if entry["what"] == "order")
    (removed,) = (entry for entry in entries if entry.get("verb") == "remove" and entry["what"] == "step")
    assert (order["verb"], order["plan"], order["reason"]) == ("approve", digest, "moved")
    assert (removed["key"], removed["result"], removed["who"]) == ("Network/dmz", "done", order["who"])


def _held(digest: str) -> Plan:
    """Return a plan of this digest in which something can be approved."""
    action = Action(Key("Network", "dmz"), verb_of("remove"), Effect.REPLACE, Reason.GONE)
    return Plan(held=(Held(action, Hold.PRUNE),), digest=digest)


@pytest.mark.case("50")
def test_commands_in_messages_can_be_pasted(running: Host) -> None:
    (running.home / "specs/dmz.yaml").unlink()
    running.wait_until(lambda: running.conditions().get("Network/dmz") == "Held")
    approve = f"kvmreconcile approve {running.status()['plan']}"
    unknown = running.run("status", "Network/unknown").stderr
    wrong_digest = running.run("approve", "0123456789ab").stderr
    texts = [running.run(*words).stdout for words in (("status",), ("status", "Network/dmz"))]
    for text in (*texts, wrong_digest):
        assert [c for c in commands(text) if c.startswith(approve)], text
    assert running.status()["approve"].startswith(approve)
    hints = Hints(read_settings(None, running.environment), [])
    assert hints.approve(_held(running.status()["plan"])).startswith(approve)
    assert hints.approve(_held("0123456789ab")) == "kvmreconcile apply --approve 0123456789ab"

    output = [running.paste(command) for command in commands(unknown)]
    running.paste(running.status()["approve"])

    assert "Network/dmz  Held" in output[0]
    running.wait_until(lambda: running.conditions() == {"Network/lab": "Ready"})
    assert "approve" not in running.run("status").stdout
    assert "by root" in running.paste(
        Commands(("--state", str(running.home / "state"))).kvmreconcile("history")
    )


def test_suspended_object_is_unchanged_until_resumed(running: Host) -> None:
    assert running.run("suspend", "Network/lab", "--for", "2h", "--why", "a test").exit_code == 0
    running.wait_until(lambda: running.conditions()["Network/lab"] == "Suspended")
    running.spec("lab", "{domain: lab.example}")
    running.spec("dmz", "{domain: dmz.example}")
    running.wait_until(lambda: running.conditions()["Network/dmz"] in ("Ready", "Pending"))
    output = running.run("status", "Network/lab")
    assert "by root: a test" in output.stdout
    assert "kvmreconcile resume Network/lab" in output.stdout
    assert output.exit_code == 3

    assert running.run("resume", "Network/lab").exit_code == 0

    running.wait_until(lambda: running.conditions()["Network/lab"] != "Suspended")


def test_suspension_of_all_survives_killed_daemon(running: Host) -> None:
    assert "all objects are suspended" in running.run("suspend", "--all").stdout
    running.wait_until(lambda: set(running.conditions().values()) == {"Suspended"})

    running.end(signal.SIGKILL)
    stopped = running.run("status")
    assert stopped.exit_code == 1
    assert (
        "no daemon listens on this socket; if the daemon runs, name its settings with --config, or look for door.closed in its log; otherwise start the daemon: systemctl start kvmreconcile"
        in stopped.stderr
    )
    running.start()

    assert set(running.conditions().values()) == {"Suspended"}
    paused = running.status()["paused"]
    assert (paused["who"], paused["until"]) == ("root", None)
    # The networks of libvirt's test driver are gone with the daemon, and nothing creates them again.
    assert "paused    by root" in running.run("status").stdout

    assert running.run("resume", "--all").exit_code == 0
    running.wait_until(lambda: running.status()["converged"])


def test_orders_without_daemon_are_saved_for_next_start(host: Host) -> None:
    suspended = host.run("suspend", "Network/lab", "--until", "2099-01-01 12:00")
    assert suspended.exit_code == 0
    assert "the request was saved in" in suspended.stderr
    assert "suspend" in host.run("history", "Network/lab").stdout
    host.run("suspend", "--all")
    assert (
        host.run("resume", "--all").stdout
        == "the suspension of all objects is lifted; still suspended individually: Network/lab\n"
    )

    host.start()

    host.wait_until(lambda: host.conditions() == {"Network/lab": "Suspended", "Network/dmz": "Ready"})


def test_reconcile_runs_a_pass_at_once(running: Host) -> None:
    before = running.status()["pass"]["id"]

    assert running.run("reconcile").stdout == "a pass over all objects is scheduled\n"

    running.wait_until(lambda: running.status()["pass"]["id"] != before)
    assert running.run("reconcile", "Network/lab").exit_code == 0
    unknown = running.run("reconcile", "Network/labb")
    assert unknown.exit_code == 1
    assert "did you mean 'Network/lab'?" in unknown.stderr


def test_status_watch_prints_changes(running: Host) -> None:
    # Tests that run in the background ignore interrupts, and so would the processes that they start.
    program = ["env", "--default-signal=INT", sys.executable, "-m", "kvmreconcile"]
    command = [*program, "status", "Network/lab", "-o", "json", "--watch"]
    watch = subprocess.Popen(command, env=os.environ | running.environment, stdout=subprocess.PIPE)
    assert watch.stdout
    assert json.loads(watch.stdout.readline())["condition"] == "Ready"

    running.run("suspend", "Network/lab")

    assert json.loads(watch.stdout.readline())["condition"] == "Suspended"
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=WITHIN_S)
    assert watch.returncode == 130


def test_webhook_request_fetches_at_once_and_its_content_is_ignored(host: Host) -> None:
    origin = Origin(host.home)
    origin.commit(NETWORK.format(name="lab", spec="{}"))
    secret = host.home / "secret"
    secret.write_text("forge and host alone know it")
    host.settings = {
        "KVMRECONCILE_GIT": f"{{url: {origin.path}, poll: 1h}}",
        "KVMRECONCILE_CONTROL": f"{{socket: {host.home}/control.sock, hookSecret: {secret}}}",
    }
    host.start()
    host.wait_until(lambda: host.status()["converged"])
    first = host.status()["revision"]["commit"]
    second = origin.commit(NETWORK.format(name="dmz", spec="{}"), name="b.yaml")
    assert host.hook(b'{"after": "0000"}', "guessed") == 403
    assert host.status()["revision"]["commit"] == first

    assert host.hook(b'{"after": "0000"}', "forge and host alone know it") == 202

    host.wait_until(lambda: set(host.conditions()) == {"Network/lab", "Network/dmz"})
    assert host.status()["revision"]["commit"] == second


def test_second_daemon_of_instance_keeps_socket_of_first(running: Host) -> None:
    host = Host(running.home, popens=running.popens)
    first = running.status()["started"]
    command = [sys.executable, "-m", "kvmreconcile", "run"]
    with (running.home / "second").open("wb") as log:
        host.popens.append(subprocess.Popen(command, env=os.environ | host.environment, stderr=log))

    running.wait_until(lambda: b"door.closed" in (running.home / "second").read_bytes())

    assert running.status()["started"] == first
    host.end(signal.SIGTERM)
    assert running.status()["started"] == first


def test_stopped_daemon_removes_its_socket(running: Host) -> None:
    began_s = time.monotonic()

    running.end(signal.SIGTERM)

    assert time.monotonic() - began_s < 10
    assert not (running.home / "control.sock").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("suspend",), "name an object as KIND/NAME, or use --all"),
        (("suspend", "Network/lab", "--all"), "give either one object or --all"),
        (("suspend", "Network/lab", "--for", "soon"), "--for: a time is a number"),
        (("suspend", "Network/lab", "--for", "0s"), "--for: the time is not in the future"),
        (("suspend", "Network/lab", "--until", "2020-01-01"), "--until: the time is not in the future"),
        (("suspend", "Network/lab", "--until", "Friday"), "--until: 'Friday' is not a date and time"),
        (
            ("suspend", "Network/lab", "--for", "1h", "--until", "2099-01-01"),
            "--until: cannot be combined with --for",
        ),
        (("suspend", "Netwrok/lab"), "did you mean 'Network'?"),
        (("resume", "Network"), "the name is missing"),
        (("reconcile", "lab"), "lab: its kind is missing; write KIND/NAME, such as Domain/lab"),
    ],
)
def test_invalid_arguments_are_reported_and_nothing_is_done(
    host: Host, words: tuple[str, ...], problem: str
) -> None:
    result = host.run(*words)

    assert result.exit_code == 1
    assert problem in result.stderr
    assert not (host.home / "state").exists()


@pytest.mark.case("14")
def test_state_of_another_host_is_refused_until_accepted(host: Host) -> None:
    wrong_digest = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0002", "qemu:///system")
    with closing(State.open(host.home / "state")) as state:
        state.binding.bind(wrong_digest)
    command = [sys.executable, "-m", "kvmreconcile", "run"]
    with (host.home / "log").open("ab") as log:
        host.popens.append(
            subprocess.Popen(command, env=os.environ | host.environment, stdout=log, stderr=log)
        )
    host.wait_until(lambda: "aborted " in host.run("status").stdout)

    refused = host.run("status")
    assert refused.exit_code == 3
    assert (
        f"aborted   last pass: {host.home}/state: this state belongs to {wrong_digest}, and test:///default is"
        in refused.stdout
    )
    assert host.status()["objects"] == []
    assert "kvmreconcile state accept" in host.run("suspend", "Network/lab").stderr
    host.wait_until(lambda: "this state belongs to" in host.run("history").stdout)

    assert host.run("state", "accept").exit_code == 0
    host.wait_until(lambda: host.status()["converged"])
