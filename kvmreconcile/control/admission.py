"""
Limit the number of connections.

The limits are checked when a connection is accepted, before TLS and before a request is read. The limits of the HTTP
server apply to requests, but not to idle connections.
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
_TOO_MANY = Problem("request", "too many connections", "close some connections, or try again later")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConnectionOrigin:
    """
    The client of a connection.

    Attributes:
        client: The UID or IP address of the client; each client's connections are counted separately.
        limit: The maximum number of concurrent connections of this client.
        is_trusted: Returns whether the client is an operator or root; called only if a limit is reached.
    """

    client: Hashable
    limit: int
    is_trusted: Callable[[], bool]


def local_origin(connection: socket.socket, settings: ControlSettings) -> ConnectionOrigin:
    """Return the client of a Unix socket: the user whose process connected."""
    peer = peer_of(connection)
    return ConnectionOrigin(peer.uid, PER_USER, lambda: local_caller(peer, settings).role >= Role.OPERATOR)


def remote_origin(connection: socket.socket) -> ConnectionOrigin:
    """Return the client of a TCP connection, which is identified by its IP address."""
    try:
        address = connection.getpeername()[0]
    except OSError:  # the client has already disconnected
        address = ""
    return ConnectionOrigin(address, PER_ADDRESS, lambda: False)


@dataclass(slots=True)
class ConnectionCounter:
    """
    Counts the open connections of one listener; only the thread that serves the listener uses it.

    Attributes:
        where: The address of the listener, for log messages.
        clock: Returns the seconds of a monotonic clock.
    """

    where: str
    clock: Callable[[], float] = time.monotonic
    _count: Counter[Hashable] = field(default_factory=Counter)
    _refused: int = 0
    _reported_s: float | None = None

    def admit(self, origin: ConnectionOrigin) -> bool:
        """Count a new connection and return True. If a limit is reached, return False without counting."""
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
    """An accepted connection, which calls `release` when it is closed."""

    release: Callable[[], None] | None = None

    def close(self) -> None:
        """Close the connection; the first call also calls `release`."""
        super().close()
        release, self.release = self.release, None
        if release:
            release()


class LimitedListener(socket.socket):
    """A listening socket that closes new connections while a limit is reached."""

    def __init__(
        self,
        listening: socket.socket,
        crowd: ConnectionCounter,
        origin: Callable[[socket.socket], ConnectionOrigin],
        *,
        tls: bool,
    ) -> None:
        """
        Take over a listening socket.

        Args:
            crowd: Counts the connections.
            origin: Returns the client of a connection.
            tls: Whether clients use TLS; a refused connection is then closed without an HTTP response.
        """
        super().__init__(listening.family, listening.type, listening.proto, fileno=listening.detach())
        self._crowd = crowd
        self._origin = origin
        self._refusal = b"" if tls else _refusal()

    def accept(self) -> tuple[socket.socket, object]:
        """
        Accept one connection.

        Raises:
            ConnectionAbortedError: A limit is reached. An event loop then accepts the next connection.
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
