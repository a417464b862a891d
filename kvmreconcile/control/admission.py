"""
Limits on connections, enforced where they are accepted: before TLS, and before a byte of a request is read.

The server's own limits apply to requests and so not to idle connections.
"""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from kvmreconcile.control.callers import Role, local_caller, peer_of
from kvmreconcile.errors import Problem
from kvmreconcile.settings.access import ControlSettings

PER_USER = 64
PER_ADDRESS = 16
AT_ONCE = 256
"""The maximum number of concurrent connections of one listener, over all users and addresses."""
RESERVED = 8
"""Additional connections for operators and root, per user and in total."""
_REPORT_EVERY_S = 60.0
_TOO_MANY = Problem("request", "too many connections", "close some, or try again later")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConnectionOrigin:
    """
    The client of a connection.

    Attributes:
        client: The UID or the address by which connections are counted.
        limit: The maximum number of concurrent connections of this client.
        is_trusted: Returns whether the client is an operator or root; called only if a limit is reached.
    """

    client: Hashable
    limit: int
    is_trusted: Callable[[], bool]


def local_origin(connection: socket.socket, settings: ControlSettings) -> ConnectionOrigin:
    """Return the user whose process connected to a Unix socket."""
    peer = peer_of(connection)
    return ConnectionOrigin(peer.uid, PER_USER, lambda: local_caller(peer, settings).role >= Role.OPERATOR)


def remote_origin(connection: socket.socket) -> ConnectionOrigin:
    """Return the address that a connection comes from; the user is unknown before the first request."""
    try:
        address = connection.getpeername()[0]
    except OSError:  # the client has already disconnected
        address = ""
    return ConnectionOrigin(address, PER_ADDRESS, lambda: False)


@dataclass(slots=True)
class ConnectionCounter:
    """The open connections of one listener. All calls come from the thread that serves it."""

    where: str
    clock: Callable[[], float] = time.monotonic
    _count: Counter[Hashable] = field(default_factory=Counter)
    _refused: int = 0
    _reported_s: float | None = None

    def admit(self, origin: ConnectionOrigin) -> bool:
        """Count a new connection; return False, without counting it, if a limit is reached."""
        reserve = RESERVED if self._is_full(origin, 0) and origin.is_trusted() else 0
        if self._is_full(origin, reserve):
            self._refused += 1
            self._report(origin)
            return False
        self._count[origin.client] += 1
        return True

    def release(self, origin: ConnectionOrigin) -> None:
        """Count a closed connection."""
        self._count[origin.client] -= 1
        self._count += Counter()

    def _is_full(self, origin: ConnectionOrigin, reserve: int) -> bool:
        return (
            self._count[origin.client] >= origin.limit + reserve or self._count.total() >= AT_ONCE + reserve
        )

    def _report(self, origin: ConnectionOrigin) -> None:
        now_s = self.clock()
        if self._reported_s is None or now_s - self._reported_s >= _REPORT_EVERY_S:
            log.warning("door.full", where=self.where, refused=self._refused, who=str(origin.client))
            self._reported_s, self._refused = now_s, 0


class _Admitted(socket.socket):
    """A connection that is released when it is closed."""

    release: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the connection, and release it once."""
        super().close()
        release, self.release = self.release, None
        if release:
            release()


class LimitedListener(socket.socket):
    """A listening socket that closes each connection above the limits."""

    def __init__(
        self,
        listening: socket.socket,
        crowd: ConnectionCounter,
        origin: Callable[[socket.socket], ConnectionOrigin],
        *,
        tls: bool,
    ) -> None:
        """Take over a listening socket."""
        super().__init__(listening.family, listening.type, listening.proto, fileno=listening.detach())
        self._crowd = crowd
        self._origin = origin
        self._refusal = b"" if tls else _refusal()

    def accept(self) -> tuple[socket.socket, object]:
        """
        Accept one connection.

        Raises:
            ConnectionAbortedError: A limit is reached; an event loop continues with the next connection.
        """
        accepted, address = super().accept()
        connection = _Admitted(self.family, self.type, self.proto, fileno=accepted.detach())
        origin = self._origin(connection)
        if self._crowd.admit(origin):
            connection.release = lambda: self._crowd.release(origin)
            return connection, address
        with connection, suppress(OSError):
            connection.send(self._refusal, socket.MSG_DONTWAIT)
        raise ConnectionAbortedError


def _refusal() -> bytes:
    where = {"where": _TOO_MANY.where, "what": _TOO_MANY.what, "todo": _TOO_MANY.todo}
    body = json.dumps({"error": where}).encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
