"""The daemon as a process with a receiver of notifications."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.process import NETWORK, Process
from tests.notify.http import Http, http

PATIENCE_S = 15.0
"""Much less than the daemon's own timeout, and much more than stopping takes on a busy machine."""


@pytest.fixture
def server() -> Iterator[Http]:
    with http() as server:
        yield server


@pytest.fixture
def process(tmp_path: Path, server: Http) -> Iterator[Process]:
    (tmp_path / "specs").mkdir()
    # libvirt's test driver has a network of this name, which is not managed by this instance.
    (tmp_path / "specs/theirs.yaml").write_text(NETWORK.replace("lab", "default"))
    (tmp_path / "url").write_text(server.url)
    process = Process(tmp_path, {"KVMRECONCILE_NOTIFY": f"[{{urlFile: {tmp_path}/url}}]"})
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


def test_notification_about_held_object_is_sent(process: Process, server: Http) -> None:
    process.settings["KVMRECONCILE_HOST"] = "kvm1"
    process.start()

    came = server.next()

    assert came["title"] == "kvmreconcile on kvm1: 1 held"
    assert "Network/default: define held: an object with this name already exists" in came["message"]
    assert process.popen
    process.popen.terminate()
    status, rest = process.end()
    assert status == 0
    assert "hunter2" not in rest


def test_hanging_receiver_delays_neither_passes_nor_stop(process: Process, server: Http) -> None:
    server.status = None
    process.start()
    server.next()
    (process.home / "specs/more.yaml").write_text(NETWORK.replace("lab", "dmz"))

    while process.wait_for("action.done")["key"] != "Network/dmz":
        continue

    assert process.popen
    process.popen.terminate()
    began_s = time.monotonic()
    assert process.end()[0] == 0
    assert time.monotonic() - began_s < PATIENCE_S


def test_unknown_notification_url_ends_daemon_before_state_is_created(process: Process) -> None:
    (process.home / "url").write_text("slackk://hunter2")
    process.start()

    status, text = process.end()

    assert status == 1
    assert "notify[0]: apprise does not accept this URL" in text
    assert "hunter2" not in text
    assert not (process.home / "state").exists()
