"""Create the control socket in the file system; the socket of a running daemon is never replaced."""

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
"""How many connections may wait to be accepted; large enough for many simultaneous clients."""


@dataclass(slots=True)
class SocketFile:
    """
    A listening socket in the file system.

    Attributes:
        lock: The descriptor of a locked file. The lock keeps other daemons from replacing the socket; the kernel
            releases the lock when this process ends.
    """

    path: Path
    socket: socket.socket
    lock: int

    def close(self) -> None:
        """Remove the socket, then release the lock."""
        self.socket.close()
        with acting_as_owner(self.path.parent):
            self.path.unlink(missing_ok=True)
        os.close(self.lock)


def open_socket(path: Path, settings: ControlSettings) -> SocketFile:
    """
    Create a socket at a path and listen on it; the socket of a killed daemon is replaced.

    If the directory belongs to another user, root accesses the directory as that user, who could otherwise misuse
    symbolic links.

    Raises:
        SpecError: Another daemon uses the socket, the path is not a socket, or permission is denied.
    """
    with acting_as_owner(path.parent):
        return _open(path, settings)


def _open(path: Path, settings: ControlSettings) -> SocketFile:
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), _LOCK_FLAGS, 0o600)
    except OSError as error:
        raise _cannot_listen(path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return SocketFile(path, _listen(path, settings), lock)
    except BlockingIOError:
        os.close(lock)
        todo = "stop that daemon, or set another instance or control.socket"
        raise SpecError([Problem(str(path), "another daemon uses this socket", todo)]) from None
    except OSError as error:
        os.close(lock)
        raise _cannot_listen(path, error) from None
    except SpecError:
        os.close(lock)
        raise


def _cannot_listen(path: Path, error: OSError) -> SpecError:
    todo = "fix this problem, or set another path with control.socket"
    return SpecError([Problem(str(path), f"cannot listen on this path: {error.strerror or error}", todo)])


def _listen(path: Path, settings: ControlSettings) -> socket.socket:
    """
    Return a listening socket at a path.

    The socket is created with a temporary name, and is renamed when it has its permissions.
    """
    if path.exists() and not stat.S_ISSOCK(path.lstat().st_mode):
        raise SpecError(
            [Problem(str(path), "the path exists and is not a socket", "remove it, or set control.socket")]
        )
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.bind(str(temporary))
        if settings.group:
            _set_group(temporary, settings.group)
        temporary.chmod(int(settings.mode, 8))
        temporary.replace(path)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def _set_group(temporary: Path, group: str) -> None:
    try:
        os.chown(temporary, -1, _gid(group))
    except PermissionError:
        raise SpecError([_group_not_set(temporary.parent, group)]) from None


def _group_not_set(directory: Path, group: str) -> Problem:
    if owner_of(directory):
        what = f"the socket gets the owner and group of {directory}, so its group cannot be set to {group}"
        todo = (
            f"set the group of the directory to {group}, make root the owner of the directory, "
            "or set another path with control.socket"
        )
    else:
        what = f"the daemon was not started as a member of the group {group}"
        todo = "add the daemon's user to the group and restart the daemon, or set another group"
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
                    "create the group, or set another group",
                )
            ]
        ) from None
