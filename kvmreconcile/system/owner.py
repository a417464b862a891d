"""
Access files in a directory as the directory's owner if this process runs as root.

The daemon runs as its own user, and commands that root runs use the daemon's state directory. The
daemon's user can create symbolic links and configuration files there, so root acts in this
directory only with that user's permissions.
"""

import ctypes
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_ROOT = 0


@dataclass(frozen=True, slots=True)
class DirectoryOwner:
    """A user with its primary group and supplementary groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def owner_of(directory: Path) -> DirectoryOwner | None:
    """
    Return the user to act as in a directory; None means the user of this process.

    If the directory does not exist, the result is the owner of the nearest existing parent.
    """
    if os.geteuid() != _ROOT:
        return None
    status = next(path.stat() for path in (directory, *directory.absolute().parents) if path.exists())
    if status.st_uid == _ROOT:
        return None
    try:
        groups = os.getgrouplist(pwd.getpwuid(status.st_uid).pw_name, status.st_gid)
    except KeyError:
        groups = [status.st_gid]
    return DirectoryOwner(status.st_uid, status.st_gid, tuple(groups))


@contextmanager
def acting_as_owner(directory: Path) -> Iterator[None]:
    """
    Let this thread access files as the owner of a directory if the process runs as root.

    Other threads are not affected: they use libvirt, or read files as root. See setfsuid(2) and
    capabilities(7).
    """
    owner = owner_of(directory)
    if owner is None:
        yield
        return
    if os.getgroups():
        # Supplementary groups would stay in effect. Root does not need any.
        os.setgroups(())
    libc = ctypes.CDLL(None)
    gid = libc.setfsgid(owner.gid)
    uid = libc.setfsuid(owner.uid)
    try:
        yield
    finally:
        libc.setfsuid(uid)
        libc.setfsgid(gid)
