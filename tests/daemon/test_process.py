"""The daemon as a process on libvirt's mock: how it starts, what it says, how it ends."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.control.served import request, status_of
from tests.daemon.process import NETWORK, WAIT_S, Process
from tests.origin import Origin


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_says_so_and_ends_well(process: Process, number: int) -> None:
    process.start()
    process.wait_for("pass.ended")
    assert process.popen

    process.popen.send_signal(number)

    assert process.wait_for("daemon.stopping")["signal"] == signal.Signals(number).name
    assert process.end()[0] == 0


def test_every_line_of_a_pass_names_it_and_every_line_of_an_object_the_object(process: Process) -> None:
    process.start()

    started = process.wait_for("pass.started")
    action = process.wait_for("action.started")
    done = process.wait_for("action.done")
    ended = process.wait_for("pass.ended")

    assert {line["pass_id"] for line in (started, action, done, ended)} == {started["pass_id"]}
    assert action["key"] == done["key"] == "Network/lab"
    assert process.wait_for("pass.started")["pass_id"] != started["pass_id"]


SECRET = "hunter2x"
VAULT = f"""\
apiVersion: kvmreconcile/v1
kind: Domain
metadata: {{name: vault}}
spec:
  memory: 64MiB
  graphics: [{{type: vnc, password: {SECRET}}}]
  xml: <domain type="test"><os><type>hvm</type></os></domain>
"""


def test_neither_log_nor_state_tells_a_secret(process: Process) -> None:
    specs = process.home / "specs"
    specs.mkdir()
    (specs / "vault.yaml").write_text(VAULT)
    process.start()
    seen = [process.wait_for("object.created"), process.wait_for("pass.ended")]
    (specs / "vault.yaml").write_text(VAULT.replace("64MiB", "96MiB").replace(SECRET, f"{SECRET[:-1]}y"))
    seen += [process.wait_for("object.changed"), process.wait_for("pass.ended")]
    assert process.popen
    process.popen.terminate()
    _, rest = process.end()

    written = [file.read_bytes() for file in (process.home / "state").iterdir()]
    assert any(b"graphics" in content for content in written)
    assert SECRET[:-1].encode() not in b"".join(written)
    assert SECRET[:-1] not in rest + process.read + str(seen)


def test_what_it_did_and_why_can_be_looked_back_at(process: Process) -> None:
    process.start()
    created = process.wait_for("object.created")
    process.wait_for("pass.ended")

    command = (sys.executable, "-m", "kvmreconcile", "history", "-o", "json")
    told = subprocess.run(
        [*command, "--state", str(process.home / "state")], capture_output=True, check=True, text=True
    )

    began, create, start, ended = json.loads(told.stdout)["entries"]
    assert (created["audit"], created["key"], created["verb"]) == (True, "Network/lab", "create")
    assert (began["what"], began["verb"], began["run"]) == ("pass", "run", created["pass_id"])
    assert [(entry["verb"], entry["result"]) for entry in (create, start)] == [
        ("create", "done"),
        ("start", "done"),
    ]
    assert (ended["what"], ended["steps"]) == ("ended", 2)


def test_without_libvirt_it_waits_and_can_be_stopped(process: Process) -> None:
    process.settings = {"KVMRECONCILE_CONNECT": f"qemu:///system?socket={process.home}/none"}
    process.start()

    assert "check that libvirt's daemon is running" in process.wait_for("host.unavailable")["error"]
    assert process.popen
    process.popen.terminate()

    assert process.end()[0] == 0


def test_what_can_never_work_ends_it_in_words(process: Process) -> None:
    process.settings = {"KVMRECONCILE_CONNECT": "qemu+nonsense:///system"}
    process.start()

    status, text = process.end()

    assert status == 1
    assert "cannot connect to qemu+nonsense:///system" in text
    assert "Traceback" not in text


def test_reporter_that_nobody_offers_is_named_before_anything_is_done(process: Process) -> None:
    process.settings = {"KVMRECONCILE_REPORTER": "logg"}
    process.start()

    status, text = process.end()

    assert status == 1
    assert 'did you mean "log"?' in text
    assert not (process.home / "state").exists()


@pytest.fixture
def door(process: Process) -> Iterator[socket.socket]:
    """Systemd's end of the wire."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(str(process.home / "notify"))
        door.settimeout(WAIT_S)
        process.settings = {"NOTIFY_SOCKET": str(process.home / "notify")}
        yield door


def hear(door: socket.socket, wanted: str) -> str:
    """Return what systemd is told next that begins like this."""
    while not (said := door.recv(1000).decode()).startswith(wanted):
        continue
    return said


def rest_of(door: socket.socket) -> Iterator[str]:
    """Yield what systemd is told until it is told nothing for long."""
    with suppress(TimeoutError):
        while True:
            yield door.recv(1000).decode()


def test_systemd_is_told_of_its_life_from_start_to_end(process: Process, door: socket.socket) -> None:
    process.start()

    assert hear(door, "").startswith("EXTEND_TIMEOUT_USEC=")
    assert hear(door, "") == "STATUS=Connecting to test:///default"
    # Whether it is ready before it is connected depends on which of its threads comes first.
    left = {"READY=1", "STATUS=Connected to test:///default", "STATUS=1 in sync"}
    while left:
        left.discard(hear(door, "").partition("\n")[0])
    assert process.popen
    process.popen.send_signal(signal.SIGHUP)
    assert hear(door, "RELOADING=1").partition("MONOTONIC_USEC=")[2].isdecimal()
    hear(door, "READY=1")
    process.popen.terminate()
    hear(door, "STOPPING=1")

    assert process.end()[0] == 0


def test_systemd_hears_a_sign_of_life_as_often_as_it_wants(process: Process, door: socket.socket) -> None:
    process.settings["WATCHDOG_USEC"] = "2000000"
    process.start()

    for _ in range(3):
        hear(door, "WATCHDOG=1")


def health(process: Process) -> bytes:
    """Return what whoever watches over the host is answered."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(process.home / "control.sock"))
        connection.sendall(request("GET /healthz"))
        return b"".join(iter(partial(connection.recv, 65536), b""))


def test_planner_that_hangs_gives_no_sign_of_life_and_whoever_asks_is_told(
    process: Process, door: socket.socket
) -> None:
    point = "[kvmreconcile.planners]\nhangs = hanging:plan\n"
    information = process.home / "hanging-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging\nVersion: 1\n")
    (information / "entry_points.txt").write_text(point)
    (process.home / "hanging.py").write_text(
        "import threading\ndef plan(*_): threading.Lock().acquire(); threading.Event().wait()\n"
    )
    process.settings |= {
        "KVMRECONCILE_PLANNER": "hangs",
        "PYTHONPATH": str(process.home),
        "KVMRECONCILE_CONTROL": f"{{socket: {process.home}/control.sock}}",
        "WATCHDOG_USEC": "4000000",
    }
    process.start()
    process.wait_for("door.opened")

    assert process.wait_for("daemon.stuck")["threads"] == ["passes"]

    answer = health(process)
    assert status_of(answer) == 503
    assert b'"alive":false,"stuck":["passes"' in answer
    # It was asked every second. That this ends at all shows that nothing is said any more.
    door.settimeout(3)
    assert list(rest_of(door))
    assert process.popen
    process.popen.send_signal(signal.SIGABRT)
    status, rest = process.end()
    assert status == -signal.SIGABRT
    assert "hanging.py" in rest


def test_full_pass_is_made_again_and_again_though_nothing_happens(process: Process) -> None:
    process.settings = {"KVMRECONCILE_RESYNC": "500ms"}
    process.start()

    while process.wait_for("pass.started")["rung_by"] != ["resync"]:
        continue
    while process.wait_for("pass.started")["rung_by"] != ["resync"]:
        continue


def test_it_follows_a_repository_and_looks_when_told(process: Process, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    first = origin.commit(NETWORK)
    process.settings = {"KVMRECONCILE_GIT": f"{{url: {origin.path}, poll: 1h}}"}
    process.start()

    assert process.wait_for("revision.in_force")["commit"] == first
    assert process.wait_for("action.done")["commit"] == first

    second = origin.commit(NETWORK.replace("lab", "dmz"), name="b.yaml")
    assert process.popen
    process.popen.send_signal(signal.SIGHUP)

    assert process.wait_for("revision.in_force")["commit"] == second
    done = process.wait_for("action.done")
    assert (done["key"], done["commit"]) == ("Network/dmz", second)


def test_refused_commit_is_told_and_changes_nothing(process: Process, tmp_path: Path) -> None:
    origin = Origin(tmp_path)
    signers = origin.allow("alice")
    first = origin.commit(NETWORK, key="alice")
    process.settings = {
        "KVMRECONCILE_GIT": f"{{url: {origin.path}, poll: 1h, allowedSigners: {signers}}}",
        "KVMRECONCILE_PRUNE": "{Network: auto}",
    }
    process.start()
    assert process.wait_for("revision.in_force")["signer"] == "alice"
    origin.commit("# nothing")
    assert process.popen

    process.popen.send_signal(signal.SIGHUP)

    refused = process.wait_for("revision.refused")
    assert "is not signed" in refused["what"]
    assert refused["commit"] == first
