"""
The control socket as a file: made so that no other process is ever robbed of its own.

Separate from what is said through it, since all that can go wrong here is the file system's.
"""

import fcntl
import grp
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.errors import Problem, SpecError
from kvmreconcile.settings.access import ControlSettings
from kvmreconcile.system.owner import acting_as_owner, owner_of

_LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BACKLOG = 512
"""How many connections may wait until they are looked at; a crowd must not fill it at once."""


@dataclass(slots=True)
class SocketFile:
    """
    A listening socket in the file system.

    Attributes:
        lock: A handle that keeps others from putting theirs in its place; the kernel lets it go when we die.
    """

    path: Path
    socket: socket.socket
    lock: int

    def close(self) -> None:
        """Take the socket away, then let others have the place."""
        self.socket.close()
        with acting_as_owner(self.path.parent):
            self.path.unlink(missing_ok=True)
        os.close(self.lock)


def open_door(path: Path, settings: ControlSettings) -> SocketFile:
    """
    Listen on a path; what a daemon that was killed has left there is replaced.

    If the directory belongs to another user, who could put symbolic links there, root accesses it as that user.

    Raises:
        SpecError: Another daemon listens there, something else is there, or we may not.
    """
    with acting_as_owner(path.parent):
        return _opened(path, settings)


def _opened(path: Path, settings: ControlSettings) -> SocketFile:
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), _LOCK_FLAGS, 0o600)
    except OSError as error:
        raise _failed(path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return SocketFile(path, _listening(path, settings), lock)
    except BlockingIOError:
        os.close(lock)
        todo = "stop it, or set another instance or control.socket"
        raise SpecError([Problem(str(path), "another daemon uses this socket", todo)]) from None
    except OSError as error:
        os.close(lock)
        raise _failed(path, error) from None
    except SpecError:
        os.close(lock)
        raise


def _failed(path: Path, error: OSError) -> SpecError:
    todo = "fix that, or set another path with control.socket"
    return SpecError([Problem(str(path), f"cannot listen on it: {error.strerror or error}", todo)])


def _listening(path: Path, settings: ControlSettings) -> socket.socket:
    """Make a socket beside its place and put it there whole: nobody meets it with other rights than it is to have."""
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise SpecError(
            [Problem(str(path), "the path exists and is not a socket", "remove it, or set control.socket")]
        )
    made = path.with_name(f".{path.name}.new")
    made.unlink(missing_ok=True)
    door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        door.bind(str(made))
        if settings.group:
            _hand_over(made, settings.group)
        made.chmod(int(settings.mode, 8))
        made.replace(path)
        door.listen(BACKLOG)
    except BaseException:
        door.close()
        raise
    return door


def _hand_over(made: Path, group: str) -> None:
    try:
        os.chown(made, -1, _gid(group))
    except PermissionError:
        raise SpecError([_not_handed_over(made.parent, group)]) from None


def _not_handed_over(directory: Path, group: str) -> Problem:
    if owner_of(directory):
        what = (
            f"the socket is created with the owner and group of {directory}, and cannot get the group {group}"
        )
        todo = (
            f"set that directory's group to {group}, make root its owner, "
            "or set another path with control.socket"
        )
    else:
        what = f"the daemon was not started as a member of the group {group}"
        todo = "make sure that its user is in the group and restart the daemon, or set another group"
    return Problem("control.group", what, todo)


def _gid(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise SpecError(
            [
                Problem(
                    "control.group",
                    f"there is no group named {group}",
                    "create the group, or set another one",
                )
            ]
        ) from None
