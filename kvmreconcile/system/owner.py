"""
Act on files in a directory as its owner, if root runs this process.

The daemon runs as its own user, and root's commands use its state directory. That user can create links and
configuration files there, so root acts in it with that user's rights only.
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
    """A user, its primary group and its other groups."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def owner_of(directory: Path) -> DirectoryOwner | None:
    """
    Return the user as whom to act in a directory, None for the user of this process.

    For a directory that does not exist, it is the owner of its nearest existing parent.
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
    Let this thread use the file system as the owner of a directory, if root runs it (setfsuid(2), capabilities(7)).

    Other threads are not affected: they use libvirt, or read files as root.
    """
    owner = owner_of(directory)
    if owner is None:
        yield
        return
    if os.getgroups():
        # Supplementary groups would stay in effect; root needs none.
        os.setgroups(())
    libc = ctypes.CDLL(None)
    gid = libc.setfsgid(owner.gid)
    uid = libc.setfsuid(owner.uid)
    try:
        yield
    finally:
        libc.setfsuid(uid)
        libc.setfsgid(gid)
