"""
Identify callers and their roles.

A role has the same permissions on every listener.
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
_CHECK = 'check control.tcp.tokens or the systemd credential "control-tokens"'


class Role(IntEnum):
    """The permissions of a caller; each role also has the permissions of the roles listed before it."""

    VIEWER = 1
    """Read the status and metrics."""
    OPERATOR = 2
    """Approve, suspend, resume and reconcile."""
    ADMIN = 3
    """Suspend and resume all objects, and accept the state database."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The user who sent a request, and the user's role."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Peer:
    """The user and groups of the process at the other end of a Unix socket, as the kernel reports them."""

    uid: int
    groups: frozenset[int]


def peer_of(connection: socket.socket) -> Peer:
    """Return the user and groups of the process connected to a Unix socket (unix(7), SO_PEERCRED)."""
    form = struct.Struct("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, form.size)
    _pid, uid, gid = form.unpack(credentials)
    number = struct.Struct("I")
    try:
        others = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, number.size * _MOST_GROUPS)
    except OSError:
        others = b""
    return Peer(uid, frozenset((gid, *(n for (n,) in number.iter_unpack(others)))))


def local_caller(peer: Peer, settings: ControlSettings) -> Caller:
    """
    Return the user of a local process, and the user's role.

    Args:
        peer: The process that connected to the control socket.
    """
    name = _user(peer.uid)
    if peer.uid in (0, os.geteuid()) or _is_member(name, peer, settings.admins):
        return Caller(name, Role.ADMIN)
    is_operator = _is_member(name, peer, settings.operators)
    return Caller(name, Role.OPERATOR if is_operator else Role.VIEWER)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_member(name: str, peer: Peer, people: UserListSettings) -> bool:
    return name in people.users or any(_gid(group) in peer.groups for group in people.groups)


def _gid(group: str) -> int | None:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def find_token_owner(header: str, tokens: Collection[tuple[str, Caller]]) -> Caller | None:
    """
    Return the caller whose token is in an Authorization header, or None if there is no known token.

    Args:
        header: The value of the header, such as "Bearer TOKEN".
        tokens: All tokens with their callers.
    """
    scheme, _, sent = header.partition(" ")
    if scheme.lower() != "bearer":
        return None
    found = None
    for token, caller in tokens:  # All tokens are compared, so that the time taken reveals nothing.
        if hmac.compare_digest(token.encode(), sent.strip().encode()):
            found = caller
    return found


def read_tokens(file: Path) -> tuple[tuple[str, Caller], ...]:
    """
    Read a token file, in which each line has the form "NAME ROLE TOKEN".

    Raises:
        SpecError: The file cannot be read, gives too many permissions, or contains an invalid line. The
            error contains no token.
    """
    try:
        mode, text = file.stat().st_mode, file.read_text()
    except OSError as error:
        raise SpecError([Problem(str(file), f"it cannot be read: {error.strerror}", _CHECK)]) from None
    except ValueError:
        raise SpecError([Problem(str(file), "it is not UTF-8 text", _CHECK)]) from None
    # The group may read the file: systemd passes credentials with this mode to a service with a user.
    if mode & 0o037:
        what = f"its mode {mode & 0o777:04o} gives its group or others more permissions than 0640"
        raise SpecError([Problem(str(file), what, f"chmod 640 {quote(str(file))}")])
    found, problems = [], []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 3 or words[1].upper() not in Role.__members__ or len(words[2]) < SHORTEST_TOKEN:
            todo = f"write NAME viewer|operator|admin TOKEN, where TOKEN has at least {SHORTEST_TOKEN} characters"
            problems.append(Problem(f"{file}:{number}", "this line is not a valid token entry", todo))
            continue
        found.append((words[2], Caller(words[0], Role[words[1].upper()])))
    if problems:
        raise SpecError(problems)
    return tuple(found)
