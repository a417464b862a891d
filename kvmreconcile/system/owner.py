"""
Work below a directory as its owner, even where root calls.

The daemon runs as a user of its own, and root's commands use its directory of state. That user can put links and
configuration there, so that root does nothing in it with more than that user's rights.
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
    """A user, its group, and the other groups that it is in."""

    uid: int
    gid: int
    groups: tuple[int, ...]


def owner_of(directory: Path) -> DirectoryOwner | None:
    """
    Return as whom to work below a directory, None if that is who calls.

    The owner of one that does not exist is that of the directory in which it would be made.
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
    Have this thread use the file system as the owner of a directory, if root calls (setfsuid(2), capabilities(7)).

    Only the thread's: others hold a connection to libvirt meanwhile, or read files as root.
    """
    owner = owner_of(directory)
    if owner is None:
        yield
        return
    if os.getgroups():
        # They would stay; root needs none.
        os.setgroups(())
    libc = ctypes.CDLL(None)
    gid = libc.setfsgid(owner.gid)
    uid = libc.setfsuid(owner.uid)
    try:
        yield
    finally:
        libc.setfsuid(uid)
        libc.setfsgid(gid)
