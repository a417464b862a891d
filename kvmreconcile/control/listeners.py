"""
Open the control socket and the TCP listener, and retry until they are open.

The daemon runs even if a listener cannot be opened.
"""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import structlog

from kvmreconcile.control.admission import ConnectionCounter, LimitedListener, local_origin, remote_origin
from kvmreconcile.control.callers import Caller, find_token_owner, local_caller, read_tokens
from kvmreconcile.control.guard import App, Guard, Scope
from kvmreconcile.control.server import ServerThread
from kvmreconcile.control.socket_file import BACKLOG, SocketFile, open_socket
from kvmreconcile.control.socket_path import socket_path
from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.settings.access import TcpSettings
from kvmreconcile.settings.credentials import find_credential
from kvmreconcile.settings.settings import Settings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Listener:
    """A listener, the thread that serves the listener, and the socket file (None for TCP)."""

    where: str
    serving: ServerThread
    socket_file: SocketFile | None = None


@dataclass(slots=True)
class Control:
    """
    Serves an application on every configured listener, each in its own thread.

    Attributes:
        make: Creates the application; called once for each listener.
    """

    settings: Settings
    make: Callable[[], App]
    _open: dict[str, _Listener] = field(default_factory=dict)
    _reported: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _closed: bool = False

    def maintain(self) -> None:
        """Open the listeners that are not open yet; a failure that persists is logged once."""
        with self._lock:
            if not self._closed:
                self._maintain()

    def _maintain(self) -> None:
        for name, open_listener in (("socket", self._open_socket), ("tcp", self._open_tcp)):
            if name in self._open:
                continue
            try:
                opened = open_listener()
            except SpecError as error:
                (problem,) = error.problems[:1]
                if self._reported.get(name) != str(problem):
                    self._reported[name] = str(problem)
                    log.warning("door.closed", where=problem.where, what=problem.what, todo=problem.todo)
                continue
            if opened:
                self._reported.pop(name, None)
                self._open[name] = opened
                log.info("door.opened", where=opened.where)

    def close(self) -> None:
        """Close all listeners."""
        with self._lock:
            self._closed = True
            for each in self._open.values():
                each.serving.stop()
                if each.socket_file:
                    each.socket_file.close()

    def _open_socket(self) -> _Listener | None:
        path = socket_path(self.settings)
        if path is None:
            return None
        control = self.settings.control
        socket_file = open_socket(path, control)
        guard = Guard(self.make(), self.settings, lambda scope: local_caller(scope["state"]["peer"], control))
        listener = LimitedListener(
            socket_file.socket,
            ConnectionCounter(str(path)),
            lambda new: local_origin(new, control),
            tls=False,
        )
        return _Listener(str(path), ServerThread("socket", listener, guard, None), socket_file)

    def _open_tcp(self) -> _Listener | None:
        tcp = self.settings.control.tcp
        if tcp is None:
            return None
        key = find_credential(tcp.key, "control-key")
        tokens = find_credential(tcp.tokens, "control-tokens")
        if key is None or tokens is None:
            what = "no file is set, and systemd passed no credential in its place"
            raise SpecError(
                [Problem(f"control.tcp.{'tokens' if key else 'key'}", what, "see docs/control.md")]
            )
        read_tokens(tokens)
        _check_readable("control.tcp.certificate", tcp.certificate)
        _check_readable("control.tcp.key", key)
        guard = Guard(
            self.make(),
            self.settings,
            _Tokens(tokens).identify,
            _accepted_host_names(tcp, self.settings),
        )
        listener = LimitedListener(_listen(tcp), ConnectionCounter(tcp.listen), remote_origin, tls=True)
        try:
            return _Listener(tcp.listen, ServerThread("tcp", listener, guard, (tcp.certificate, key)))
        except OSError as error:  # ssl.SSLError is an OSError
            listener.close()
            what = f"certificate {tcp.certificate} with key {key} cannot be used: {error.strerror or error}"
            todo = "use a PEM certificate chain and its unencrypted private key"
            raise SpecError([Problem("control.tcp.certificate", what, todo)]) from None


def _check_readable(where: str, file: Path) -> None:
    """
    Check that a file can be read, because TLS errors do not name the file.

    Args:
        where: The setting of the file, for the error.

    Raises:
        SpecError: The file cannot be read.
    """
    try:
        file.open("rb").close()
    except OSError as error:
        problem = Problem(
            where,
            f"{file} cannot be read: {error.strerror}",
            "correct the path or the permissions (/home, /root and /tmp are hidden from the systemd service)",
        )
        raise SpecError([problem]) from None


@dataclass(slots=True)
class _Tokens:
    """
    The tokens in a file.

    The file is read for each request, so that a revoked token is rejected at once.
    """

    file: Path
    _reported: str = ""

    def identify(self, scope: Scope) -> Caller | None:
        """
        Return the caller whose token is in a request, or None if the request has no known token.

        A token file that cannot be used is logged once.
        """
        sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        try:
            tokens = read_tokens(self.file)
        except SpecError as error:
            if self._reported != str(error):
                self._reported = str(error)
                log.warning("door.tokens_unusable", error=str(error))
            return None
        self._reported = ""
        return find_token_owner(sent[0], tokens) if sent else None


def _accepted_host_names(tcp: TcpSettings, settings: Settings) -> frozenset[str]:
    address = tcp.listen.rpartition(":")[0]
    return frozenset(name.lower() for name in (address, settings.host, *tcp.names))


def _listen(tcp: TcpSettings) -> socket.socket:
    address, _, port = tcp.listen.rpartition(":")
    family = socket.AF_INET6 if address.startswith("[") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.strip("[]"), int(port)))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        what = f"cannot listen on this address: {getattr(error, 'strerror', '') or error}"
        raise SpecError([Problem(tcp.listen, what, "change control.tcp.listen")]) from None
    return listener
