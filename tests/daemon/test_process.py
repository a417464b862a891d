"""The daemon as a process on libvirt's test driver: start, log, notifications and stop."""

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
def test_signal_stops_daemon_with_exit_status_0(process: Process, number: int) -> None:
    process.start()
    process.wait_for("pass.ended")
    assert process.popen

    process.popen.send_signal(number)

    assert process.wait_for("daemon.stopping")["signal"] == signal.Signals(number).name
    assert process.end()[0] == 0


def test_log_lines_carry_pass_id_and_object_key(process: Process) -> None:
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


def test_log_and_state_contain_no_secret(process: Process) -> None:
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


def test_history_contains_pass_and_steps_of_daemon(process: Process) -> None:
    process.start()
    created = process.wait_for("object.created")
    process.wait_for("pass.ended")

    command = (sys.executable, "-m", "kvmreconcile", "history", "-o", "json")
    result = subprocess.run(
        [*command, "--state", str(process.home / "state")], capture_output=True, check=True, text=True
    )

    began, create, start, ended = json.loads(result.stdout)["entries"]
    assert (created["audit"], created["key"], created["verb"]) == (True, "Network/lab", "create")
    assert (began["what"], began["verb"], began["run"]) == ("pass", "run", created["pass_id"])
    assert [(entry["verb"], entry["result"]) for entry in (create, start)] == [
        ("create", "done"),
        ("start", "done"),
    ]
    assert (ended["what"], ended["steps"]) == ("ended", 2)


def test_daemon_without_libvirt_waits_and_can_be_stopped(process: Process) -> None:
    process.settings = {"KVMRECONCILE_CONNECT": f"qemu:///system?socket={process.home}/none"}
    process.start()

    assert "that libvirt's daemon is running" in process.wait_for("host.unavailable")["error"]
    assert process.popen
    process.popen.terminate()

    assert process.end()[0] == 0


def test_invalid_uri_ends_daemon_with_message(process: Process) -> None:
    process.settings = {"KVMRECONCILE_CONNECT": "qemu+nonsense:///system"}
    process.start()

    status, text = process.end()

    assert status == 1
    assert "cannot connect to qemu+nonsense:///system" in text
    assert "Traceback" not in text


def test_unknown_reporter_ends_daemon_before_state_is_created(process: Process) -> None:
    process.settings = {"KVMRECONCILE_REPORTER": "logg"}
    process.start()

    status, text = process.end()

    assert status == 1
    assert 'did you mean "log"?' in text
    assert not (process.home / "state").exists()


@pytest.fixture
def notify_socket(process: Process) -> Iterator[socket.socket]:
    """systemd's end of the notify socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify_socket:
        notify_socket.bind(str(process.home / "notify"))
        notify_socket.settimeout(WAIT_S)
        process.settings = {"NOTIFY_SOCKET": str(process.home / "notify")}
        yield notify_socket


def receive(notify_socket: socket.socket, prefix: str) -> str:
    """Return the next notification that starts with a prefix."""
    while not (message := notify_socket.recv(1000).decode()).startswith(prefix):
        continue
    return message


def rest_of(notify_socket: socket.socket) -> Iterator[str]:
    """Yield notifications until there is none for the timeout of the socket."""
    with suppress(TimeoutError):
        while True:
            yield notify_socket.recv(1000).decode()


def test_systemd_notifications_from_start_to_stop(process: Process, notify_socket: socket.socket) -> None:
    process.start()

    assert receive(notify_socket, "").startswith("EXTEND_TIMEOUT_USEC=")
    assert receive(notify_socket, "") == "STATUS=Connecting to test:///default"
    # Whether it is ready before it is connected depends on which thread is first.
    expected = {"READY=1", "STATUS=Connected to test:///default", "STATUS=1 in sync"}
    while expected:
        expected.discard(receive(notify_socket, "").partition("\n")[0])
    assert process.popen
    process.popen.send_signal(signal.SIGHUP)
    assert receive(notify_socket, "RELOADING=1").partition("MONOTONIC_USEC=")[2].isdecimal()
    receive(notify_socket, "READY=1")
    process.popen.terminate()
    receive(notify_socket, "STOPPING=1")

    assert process.end()[0] == 0


def test_watchdog_notifications_follow_systemd_timeout(
    process: Process, notify_socket: socket.socket
) -> None:
    process.settings["WATCHDOG_USEC"] = "2000000"
    process.start()

    for _ in range(3):
        receive(notify_socket, "WATCHDOG=1")


def health(process: Process) -> bytes:
    """Return the answer to a health check."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(WAIT_S)
        connection.connect(str(process.home / "control.sock"))
        connection.sendall(request("GET /healthz"))
        return b"".join(iter(partial(connection.recv, 65536), b""))


def test_hanging_planner_stops_watchdog_notifications_and_fails_healthz(
    process: Process, notify_socket: socket.socket
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
    # Threads were checked every second. That this ends at all shows that notifications have stopped.
    notify_socket.settimeout(3)
    assert list(rest_of(notify_socket))
    assert process.popen
    process.popen.send_signal(signal.SIGABRT)
    status, rest = process.end()
    assert status == -signal.SIGABRT
    assert "hanging.py" in rest


def test_full_pass_is_repeated_at_resync_interval(process: Process) -> None:
    process.settings = {"KVMRECONCILE_RESYNC": "500ms"}
    process.start()

    while process.wait_for("pass.started")["rung_by"] != ["resync"]:
        continue
    while process.wait_for("pass.started")["rung_by"] != ["resync"]:
        continue


def test_repository_is_polled_and_reload_fetches_at_once(process: Process, tmp_path: Path) -> None:
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


def test_refused_commit_is_logged_and_changes_nothing(process: Process, tmp_path: Path) -> None:
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
