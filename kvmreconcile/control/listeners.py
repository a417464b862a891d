"""
The daemon's doors: opened, and opened again as soon as they can be.

Separate from each of them, because the daemon goes on whether or not anybody can talk to it.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import structlog

from kvmreconcile.control.admission import Crowd, Entrance, local_origin, remote_origin
from kvmreconcile.control.callers import Caller, bearer, local_caller, read_tokens
from kvmreconcile.control.guard import App, Guard, Scope
from kvmreconcile.control.server import Serving
from kvmreconcile.control.socket_file import BACKLOG, SocketFile, open_door
from kvmreconcile.control.socket_path import socket_path
from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.settings.access import TcpSettings
from kvmreconcile.settings.credentials import find_credential
from kvmreconcile.settings.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Open:
    """A door that is open, and a file system's if it is one."""

    where: str
    serving: Serving
    door: SocketFile | None = None


@dataclass(slots=True)
class Control:
    """
    Serves an application at every door that the settings name, in threads of its own.

    Attributes:
        make: Makes the application; once for each door.
    """

    settings: Settings
    make: Callable[[], App]
    _open: dict[str, _Open] = field(default_factory=dict)
    _told: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _closed: bool = False

    def tend(self) -> None:
        """Open what is not open yet; why it cannot be is told once."""
        with self._lock:
            if not self._closed:
                self._tend()

    def _tend(self) -> None:
        for name, opening in (("socket", self._open_socket), ("tcp", self._open_tcp)):
            if name in self._open:
                continue
            try:
                opened = opening()
            except SpecError as error:
                (problem,) = error.problems[:1]
                if self._told.get(name) != str(problem):
                    self._told[name] = str(problem)
                    log.warning("door.closed", where=problem.where, what=problem.what, todo=problem.todo)
                continue
            if opened:
                self._told.pop(name, None)
                self._open[name] = opened
                log.info("door.opened", where=opened.where)

    def close(self) -> None:
        """Close every door."""
        with self._lock:
            self._closed = True
            for each in self._open.values():
                each.serving.stop()
                if each.door:
                    each.door.close()

    def _open_socket(self) -> _Open | None:
        path = socket_path(self.settings)
        if path is None:
            return None
        control = self.settings.control
        door = open_door(path, control)
        guard = Guard(self.make(), self.settings, lambda scope: local_caller(scope["state"]["peer"], control))
        entrance = Entrance(door.socket, Crowd(str(path)), lambda new: local_origin(new, control), tls=False)
        return _Open(str(path), Serving("socket", entrance, guard, None), door)

    def _open_tcp(self) -> _Open | None:
        tcp = self.settings.control.tcp
        if tcp is None:
            return None
        key = find_credential(tcp.key, "control-key")
        tokens = find_credential(tcp.tokens, "control-tokens")
        if key is None or tokens is None:
            what = "no file is set, and systemd passed no credential for it"
            raise SpecError(
                [Problem(f"control.tcp.{'tokens' if key else 'key'}", what, "see docs/control.md")]
            )
        read_tokens(tokens)
        _check_readable("control.tcp.certificate", tcp.certificate)
        _check_readable("control.tcp.key", key)
        guard = Guard(self.make(), self.settings, _Tokens(tokens).bearer, _hosts(tcp, self.settings))
        entrance = Entrance(_listening(tcp), Crowd(tcp.listen), remote_origin, tls=True)
        try:
            return _Open(tcp.listen, Serving("tcp", entrance, guard, (tcp.certificate, key)))
        except OSError as error:  # of which those of TLS are some
            entrance.close()
            what = f"certificate {tcp.certificate} with key {key} cannot be used: {error.strerror or error}"
            todo = "use a PEM certificate chain and its private key, unencrypted"
            raise SpecError([Problem("control.tcp.certificate", what, todo)]) from None


def _check_readable(where: str, file: Path) -> None:
    """
    Make sure that a file can be read, as TLS names none of those that it cannot.

    Raises:
        SpecError: It cannot.
    """
    try:
        file.open("rb").close()
    except OSError as error:
        problem = Problem(
            where,
            f"{file} cannot be read: {error.strerror}",
            "correct the path or its permissions (/home, /root and /tmp are hidden from the systemd service)",
        )
        raise SpecError([problem]) from None


@dataclass(slots=True)
class _Tokens:
    """The tokens in a file, which is read for each request: one can be taken back at any time."""

    file: Path
    _told: str = ""

    def bearer(self, scope: Scope) -> Caller | None:
        """Return whose token a request bears, None if it is nobody's; a file that cannot be used is logged once."""
        said = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        try:
            tokens = read_tokens(self.file)
        except SpecError as error:
            if self._told != str(error):
                self._told = str(error)
                log.warning("door.tokens_unusable", error=str(error))
            return None
        self._told = ""
        return bearer(said[0], tokens) if said else None


def _hosts(tcp: TcpSettings, settings: Settings) -> frozenset[str]:
    address = tcp.listen.rpartition(":")[0]
    return frozenset(name.lower() for name in (address, settings.host, *tcp.names))


def _listening(tcp: TcpSettings) -> socket.socket:
    address, _, port = tcp.listen.rpartition(":")
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((address.strip("[]"), int(port)))
        door.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        door.close()
        what = f"cannot listen on it: {getattr(error, 'strerror', '') or error}"
        raise SpecError([Problem(tcp.listen, what, "change control.tcp.listen")]) from None
    return door
