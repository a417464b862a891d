"""The file system of the state database fills up while the daemon runs: errors are reported, and the daemon continues."""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kvmreconcile.state import HistoryEntry, State
from kvmreconcile.state.history import EntryKind
from tests.daemon.process import NETWORK, Process

SMALL = 'mount -t tmpfs -o size=400k tmpfs "$KVMRECONCILE_STATE" && exec "$@"'
OTHER = NETWORK.replace("lab", "other")
WRONG = NETWORK.replace("lab", "wrong").replace("spec: {}", "spec: {nonsense: 1}")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can mount a file system"
)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    (tmp_path / "state").mkdir()
    process = Process(
        tmp_path, {"KVMRECONCILE_DEBOUNCE": "50ms"}, within=("unshare", "--mount", "sh", "-c", SMALL, "sh")
    )
    yield process
    if process.popen and process.popen.poll() is None:
        process.popen.kill()
        process.popen.communicate()


def test_full_disk_is_reported_once_and_history_is_completed_afterwards(
    process: Process,
) -> None:
    process.start()
    while process.wait_for("pass.ended").get("in_sync") != 1:
        continue
    assert process.popen
    # The small file system is in the daemon's mount namespace, which is accessible through /proc.
    state = Path(f"/proc/{process.popen.pid}/root{process.home}/state")
    fill(state / "filler")

    specs = process.home / "specs"
    (specs / "wrong.yaml").write_text(WRONG)
    process.wait_for("history.failed")
    (specs / "other.yaml").write_text(OTHER)
    assert "make space" in process.wait_for("action.failed")["error"]
    process.wait_for("pass.ended")
    (state / "filler").unlink()
    (specs / "wrong.yaml").unlink()

    process.wait_for("history.mended")
    assert process.read.count('"history.failed"') == 1
    while process.wait_for("action.done")["key"] != "Network/other":
        continue
    process.wait_for("pass.ended")
    entries = history(state, process.home / "copy")
    assert 1 in {e.wrong for e in entries if e.what is EntryKind.PLANNED}
    assert {(e.verb, e.result) for e in entries if e.key and e.key.name == "other"} == {
        ("create", "failed"),
        ("start", "skipped"),
        ("create", "done"),
        ("start", "done"),
    }


def history(state: Path, copy: Path) -> tuple[HistoryEntry, ...]:
    """Return the history of a state database that SQLite cannot open at its path."""
    shutil.copytree(state, copy, ignore=shutil.ignore_patterns("control*"))
    with closing(State.open_readonly(copy)) as opened:
        return opened.history(99)


def fill(file: Path) -> None:
    """Write until the file system is full."""
    with file.open("wb", buffering=0) as to:
        for size in (4096, 1):
            try:
                while True:
                    to.write(b"\0" * size)
            except OSError:
                continue
