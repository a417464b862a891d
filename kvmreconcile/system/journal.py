"""
Send log lines to systemd's journal, with fields that journalctl can match.

Each line is one datagram: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/.
"""

import errno
import fcntl
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from kvmreconcile.system.printable import visible

SOCKET = Path("/run/systemd/journal/socket")
PRIORITIES: Mapping[str, int] = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""syslog priorities by log level."""
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
_NOT_PAIRS = ("event", "level", "exception")
"""Fields that the message does not repeat as "name=value"."""


def is_journal_stream(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a stream is connected to the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Journal:
    """
    A connection to this host's journal, which several threads may use.

    Args:
        address: The journal's socket; None means the standard socket.
    """

    def __init__(self, address: Path | None = None) -> None:
        self._address = str(address or SOCKET)
        self._socket_file = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, line: Mapping[str, object]) -> None:
        """
        Send one log line.

        Args:
            line: The fields of the line, among them `event` and `level`.

        Raises:
            OSError: The journal cannot be reached.
        """
        datagram = b"".join(_encode(line))
        try:
            self._socket_file.sendto(datagram, self._address)
        except OSError as error:
            if error.errno not in (errno.EMSGSIZE, errno.ENOBUFS):
                raise
            self._send_file(datagram)

    def close(self) -> None:
        """Close the socket."""
        self._socket_file.close()

    def _send_file(self, datagram: bytes) -> None:
        """Send a line that is too long for a datagram, using a sealed memory file."""
        handle = os.memfd_create("kvmreconcile", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        with os.fdopen(handle, "wb", buffering=0) as file:
            file.write(datagram)
            fcntl.fcntl(handle, fcntl.F_ADD_SEALS, _SEALS)
            # `socket.send_fds` ignores its address argument.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", handle))
            self._socket_file.sendmsg([b""], [rights], 0, self._address)


def _encode(line: Mapping[str, object]) -> Iterator[bytes]:
    yield _field("MESSAGE", message(line))
    yield _field("PRIORITY", str(PRIORITIES.get(str(line.get("level")), 6)))
    yield _field("SYSLOG_IDENTIFIER", "kvmreconcile")
    for name, value in line.items():
        yield _field(f"KVMRECONCILE_{name.upper()}", _text(value))


def message(line: Mapping[str, object]) -> str:
    """Return a log line as text: its event, its fields as "name=value", and any traceback."""
    words = (f"{name}={_word(value)}" for name, value in line.items() if name not in _NOT_PAIRS)
    first = " ".join((str(line.get("event", "")), *words))
    return "\n".join(filter(None, (first, str(line.get("exception", "")))))


def _word(value: object) -> str:
    text = visible(_text(value))
    return text if text and not any(c in text for c in ' "=') else '"' + text.replace('"', '\\"') + '"'


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _field(name: str, value: str) -> bytes:
    """
    Return a field in the journal's format.

    A value of several lines is preceded by its length.
    """
    content = value.encode(errors="backslashreplace")
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(content)), content)
