"""
Who is calling, and what he may do.

Separate from the doors by which calls come, because a role means the same at each of them.
"""

import grp
import hmac
import os
import pwd
import socket
import struct
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.model.commands import quote
from kvmreconcile.settings.access import ControlSettings, UserListSettings

_SO_PEERGROUPS = 59
"""Not in Python's socket module (socket(7) of Linux 4.13, include/uapi/asm-generic/socket.h)."""
_MOST_GROUPS = 65536
SHORTEST_TOKEN = 20
_CHECK = "check control.tcp.tokens or the credential control-tokens"


class Role(IntEnum):
    """What a caller may do; each may also do what those before it may."""

    VIEWER = 1
    """See what the daemon tells."""
    OPERATOR = 2
    """Approve, suspend, resume and reconcile."""
    ADMIN = 3
    """Pause and resume everything."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls: his name for people, and what he may do."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a Unix socket, as the kernel knows it."""

    uid: int
    groups: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    """Return who has connected to a Unix socket (unix(7), SO_PEERCRED)."""
    form = struct.Struct("3i")
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    _pid, uid, gid = form.unpack(said)
    number = struct.Struct("I")
    try:
        others = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, number.size * _MOST_GROUPS)
    except OSError:
        others = b""
    return Peer(uid, frozenset((gid, *(n for (n,) in number.iter_unpack(others)))))


def local_caller(peer: Peer, settings: ControlSettings) -> Caller:
    """Return who a process of this host is to us."""
    name = _user(peer.uid)
    if peer.uid in (0, os.geteuid()) or _is_among(name, peer, settings.admins):
        return Caller(name, Role.ADMIN)
    is_operator = _is_among(name, peer, settings.operators)
    return Caller(name, Role.OPERATOR if is_operator else Role.VIEWER)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_among(name: str, peer: Peer, people: UserListSettings) -> bool:
    return name in people.users or any(_gid(group) in peer.groups for group in people.groups)


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def bearer(header: str, tokens: Collection[tuple[str, Caller]]) -> Caller | None:
    """Return whose token an Authorization header quotes, None if it is nobody's."""
    scheme, _, said = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = None
    for token, caller in tokens:  # all of them: how long it takes tells nothing
        if hmac.compare_digest(token.encode(), said.strip().encode()):
            found = caller
    return found


def read_tokens(file: Path) -> tuple[tuple[str, Caller], ...]:
    """
    Read "NAME ROLE TOKEN" of each line.

    Raises:
        SpecError: The file cannot be read, is open to others, or a line is something else; no token is told.
    """
    try:
        mode, text = file.stat().st_mode, file.read_text()
    except OSError as error:
        raise SpecError([Problem(str(file), f"it cannot be read: {error.strerror}", _CHECK)]) from None
    except ValueError:
        raise SpecError([Problem(str(file), "it is not UTF-8 text", _CHECK)]) from None
    # Its group may read it: that is how systemd's credentials look to a service's user.
    if mode & 0o037:
        what = f"its mode {mode & 0o777:04o} gives its group or others more permissions than 0640"
        raise SpecError([Problem(str(file), what, f"chmod 640 {quote(str(file))}")])
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or words[1].upper() not in Role.__members__ or len(words[2]) < SHORTEST_TOKEN:
            todo = f"write NAME viewer|operator|admin TOKEN, the token at least {SHORTEST_TOKEN} characters"
            problems.append(Problem(f"{file}:{number}", "this line is not a valid token entry", todo))
            continue
        found.append((words[2], Caller(words[0], Role[words[1].upper()])))
    if problems:
        raise SpecError(problems)
    return tuple(found)
