"""
Find out whether inotify reports all changes of a file system.

inotify(7) reports the changes that this host makes. Changes that another host makes to a network
file system are found only by polling.
"""

import os
from pathlib import Path, PurePosixPath

MOUNTS = Path("/proc/self/mountinfo")
_SHARED = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "coda",
        "gfs2",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "virtiofs",
    }
)
"""Types of file systems that are on another machine or shared with one, as named by mount(8)."""
_MOST_LINKS = 40
"""Maximum number of symbolic links that Linux follows in one path (path_resolution(7))."""
_BY_PROGRAM = "fuse"
"""
Type of file systems that a program serves, such as sshfs or glusterfs.

inotify does not report changes that other hosts make to these file systems.
"""


def reports_all_changes(device: int, mounts: Path = MOUNTS) -> bool:
    """
    Return whether inotify reports all changes of a file system.

    Returns True if the device is not mounted.
    """
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text().splitlines():
        # Optional fields precede the hyphen (proc(5), mountinfo).
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return not _is_shared(source.split()[0])
    return True


def _is_shared(kind: str) -> bool:
    return kind in _SHARED or kind.partition(".")[0] == _BY_PROGRAM


class SharedMounts:
    """
    Mount points of file systems that another machine or a program serves.

    A system call on such a file system may block forever.
    """

    def __init__(self, mounts: Path = MOUNTS) -> None:
        halves = (line.partition(" - ")[::2] for line in mounts.read_text().splitlines())
        points = ((before.split(" ")[4], source.split()[0]) for before, source in halves)
        # If several file systems have the same mount point, the last one is visible.
        self._mounts = {
            PurePosixPath(point.replace("\\040", " ")): _is_shared(kind) for point, kind in points
        }

    def resolve(self, path: str) -> Path | None:
        """
        Return an absolute path with its symbolic links resolved.

        Returns None if the path is on a shared mount, or if the links form a loop.
        """
        done, left = PurePosixPath("/"), [*reversed(PurePosixPath(path).parts[1:])]
        links = 0
        while left:
            name = left.pop()
            there = done.parent if name == ".." else done / name
            if self._contains(there) or links > _MOST_LINKS:
                return None
            try:
                target = PurePosixPath(os.readlink(there))  # noqa: PTH115  a pure path avoids further system calls
            except OSError:
                done = there
                continue
            links += 1
            done = PurePosixPath("/") if target.is_absolute() else done
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        return Path(done)

    def _contains(self, path: PurePosixPath) -> bool:
        """Return whether a path without symbolic links is on a shared file system."""
        return next((self._mounts[p] for p in (path, *path.parents) if p in self._mounts), False)
