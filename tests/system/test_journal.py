"""Log lines arrive in the journal with their fields."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmreconcile.system.journal import Journal, is_journal_stream, message

WAIT_S = 30


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket to which datagrams for the journal are sent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "socket"))
        receiver.settimeout(WAIT_S)
        yield receiver


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "socket")
    yield journal
    journal.close()


def read(content: bytes) -> dict[str, str]:
    """Return the fields of a datagram, as journald reads them."""
    found: dict[str, str] = {}
    while content:
        line, _, rest = content.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", rest[:8])
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        found[name.decode()] = value.decode()
        content = rest
    return found


def test_every_key_of_a_line_is_a_field(journal: Journal, receiver: socket.socket) -> None:
    journal.send(
        {"event": "object.removed", "level": "warning", "key": "Domain/web1", "audit": True, "n": [1]}
    )

    assert read(receiver.recv(9999)) == {
        "MESSAGE": "object.removed key=Domain/web1 audit=true n=[1]",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "kvmreconcile",
        "KVMRECONCILE_EVENT": "object.removed",
        "KVMRECONCILE_LEVEL": "warning",
        "KVMRECONCILE_KEY": "Domain/web1",
        "KVMRECONCILE_AUDIT": "true",
        "KVMRECONCILE_N": "[1]",
    }


def test_value_of_several_lines_is_one_field_and_cannot_forge_another(
    journal: Journal, receiver: socket.socket
) -> None:
    journal.send({"event": "e", "error": "one\nKVMRECONCILE_AUDIT=true\n"})

    fields = read(receiver.recv(9999))

    assert fields["KVMRECONCILE_ERROR"] == "one\nKVMRECONCILE_AUDIT=true\n"
    assert "KVMRECONCILE_AUDIT" not in fields
    assert fields["MESSAGE"] == r'e error="one\nKVMRECONCILE_AUDIT=true\n"'


def test_line_too_long_for_a_datagram_is_sent_as_a_sealed_file(
    journal: Journal, receiver: socket.socket
) -> None:
    journal.send({"event": "e", "error": "x" * 2_000_000})

    content, (handle,), _, _ = socket.recv_fds(receiver, 10, 1)

    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        assert len(read(file.read())["KVMRECONCILE_ERROR"]) == 2_000_000
    assert content == b""


def test_missing_journal_is_an_error(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "none")

    with pytest.raises(OSError, match="No such file"):
        journal.send({"event": "e"})

    journal.close()


def test_message_is_one_escaped_line_followed_by_the_traceback() -> None:
    line = {
        "event": "pass.crashed",
        "level": "error",
        "why": "a b",
        "x": "\x1b",
        "exception": "Traceback:\n 1",
    }

    assert message(line) == 'pass.crashed why="a b" x=\\x1b\nTraceback:\n 1'


def test_stream_connected_to_the_journal_is_recognized(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream, (tmp_path / "other").open("w") as other:
        status = os.fstat(stream.fileno())
        environment = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}

        assert is_journal_stream(stream, environment)
        assert not is_journal_stream(other, environment)
        assert not is_journal_stream(stream, {})


LOGS = """
import logging, sys, structlog
from kvmreconcile.system import journal
from kvmreconcile.daemon.log import configure_logging
journal.SOCKET = sys.argv[1]
configure_logging(sys.stderr)
structlog.get_logger().warning("object.held", key="Domain/web1")
logging.getLogger("other").warning("of a library")
try:
    1 / 0
except ZeroDivisionError as error:
    structlog.get_logger().error("pass.crashed", exc_info=error)
"""


def logged(tmp_path: Path) -> str:
    """Log from a process whose standard error is connected to the journal, and return its remaining output."""
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        command = [sys.executable, "-c", LOGS, str(tmp_path / "socket")]
        subprocess.run(command, check=True, env=environment, stderr=stream)
    return (tmp_path / "stderr").read_text()


def test_logs_of_the_daemon_and_its_libraries_go_to_the_journal(
    receiver: socket.socket, tmp_path: Path
) -> None:
    assert logged(tmp_path) == ""

    held, other, crashed = (read(receiver.recv(99999)) for _ in range(3))
    assert (held["KVMRECONCILE_EVENT"], held["KVMRECONCILE_KEY"], held["PRIORITY"]) == (
        "object.held",
        "Domain/web1",
        "4",
    )
    assert other["MESSAGE"] == "of a library"
    assert "ZeroDivisionError" in crashed["KVMRECONCILE_EXCEPTION"]
    assert "\nZeroDivisionError" in crashed["MESSAGE"]


def test_line_that_the_journal_refuses_is_written_to_the_stream_with_its_priority(tmp_path: Path) -> None:
    lines = logged(tmp_path).splitlines()

    assert lines[0].startswith("<4>{")
    assert json.loads(lines[0][3:])["key"] == "Domain/web1"
    assert [line[:3] for line in lines] == ["<4>", "<4>", "<3>"]


JOURNALD = "/lib/systemd/systemd-journald"
REAL = f"""
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal
{JOURNALD} &
while ! [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
"$@" 3>/run/stderr
while ! journalctl -q -o json KVMRECONCILE_AUDIT=true KVMRECONCILE_KEY=Network/lab | grep started; do sleep 0.05; done
journalctl -q -o json KVMRECONCILE_KEY=Network/lab
"""


@pytest.mark.skipif(
    not Path(JOURNALD).exists() or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="there is no journald, or no right to run another one",
)
def test_real_journal_can_be_queried_by_object(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: kvmreconcile/v1\nkind: Network\nmetadata: {name: lab}\nspec: {}\n"
    )
    apply = [sys.executable, "-m", "kvmreconcile", "apply", "--yes", str(tmp_path / "a.yaml")]
    where = ["--connect", "test:///default", "--state", str(tmp_path / "state")]
    own = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]

    result = subprocess.run(
        [*own, "sh", "-c", REAL, "sh", *apply, *where],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
        env={**os.environ, "SUDO_USER": "alice"},
    )

    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert {(line["KVMRECONCILE_EVENT"], line["KVMRECONCILE_WHO"]) for line in lines} == {
        ("object.created", "alice"),
        ("object.started", "alice"),
    }
