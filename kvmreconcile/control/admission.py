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
_FULL = Problem("request", "too many connections", "close some, or try again later")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Where a connection is from.

    Attributes:
        who: A user's number or an address, by which connections are counted.
        most: How many connections it may have at once.
        is_trusted: Tells whether it is an operator or root; only asked when there is no room otherwise.
    """

    who: Hashable
    most: int
    is_trusted: Callable[[], bool]


def local_origin(connection: socket.socket, settings: ControlSettings) -> Origin:
    """Return whose process connected to a Unix socket."""
    peer = peer_of(connection)
    return Origin(peer.uid, PER_USER, lambda: local_caller(peer, settings).role >= Role.OPERATOR)


def remote_origin(connection: socket.socket) -> Origin:
    """Return from which address a connection comes; nobody is known before his first request."""
    try:
        address = connection.getpeername()[0]
    except OSError:  # it has gone already
        address = ""
    return Origin(address, PER_ADDRESS, lambda: False)


@dataclass(slots=True)
class Crowd:
    """The connections of one door. All calls come from the thread that serves it."""

    where: str
    clock: Callable[[], float] = time.monotonic
    _count: Counter[Hashable] = field(default_factory=Counter)
    _refused: int = 0
    _reported_s: float | None = None

    def enter(self, origin: Origin) -> bool:
        """Count a connection in, and tell whether there was room for it."""
        extra = RESERVED if self._is_full(origin, 0) and origin.is_trusted() else 0
        if self._is_full(origin, extra):
            self._refused += 1
            self._report(origin)
            return False
        self._count[origin.who] += 1
        return True

    def leave(self, origin: Origin) -> None:
        """Count a connection out."""
        self._count[origin.who] -= 1
        self._count += Counter()

    def _is_full(self, origin: Origin, extra: int) -> bool:
        return self._count[origin.who] >= origin.most + extra or self._count.total() >= AT_ONCE + extra

    def _report(self, origin: Origin) -> None:
        now_s = self.clock()
        if self._reported_s is None or now_s - self._reported_s >= _REPORT_EVERY_S:
            log.warning("door.full", where=self.where, refused=self._refused, who=str(origin.who))
            self._reported_s, self._refused = now_s, 0


class _Admitted(socket.socket):
    """A connection that is counted out when it is closed."""

    leave: Callable[[], None] | None = None

    def close(self) -> None:
        """Close it, and count it out once."""
        super().close()
        leave, self.leave = self.leave, None
        if leave:
            leave()


class Entrance(socket.socket):
    """A listening socket that closes each connection for which there is no room."""

    def __init__(
        self, listening: socket.socket, crowd: Crowd, origin: Callable[[socket.socket], Origin], *, tls: bool
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
            ConnectionAbortedError: There was no room for it; an event loop goes on with the next.
        """
        accepted, address = super().accept()
        connection = _Admitted(self.family, self.type, self.proto, fileno=accepted.detach())
        origin = self._origin(connection)
        if self._crowd.enter(origin):
            connection.leave = lambda: self._crowd.leave(origin)
            return connection, address
        with connection, suppress(OSError):
            connection.send(self._refusal, socket.MSG_DONTWAIT)
        raise ConnectionAbortedError


def _refusal() -> bytes:
    where = {"where": _FULL.where, "what": _FULL.what, "todo": _FULL.todo}
    body = json.dumps({"error": where}).encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
