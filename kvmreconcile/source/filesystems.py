"""
Tell whether a file system tells of changes that others make to it.

Separate from watching, which only wants to know whether to wait for events or to look again and again. inotify(7)
tells of what is done on this host: what another does to a share is seen by those who look.
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
"""What is on another machine, or shared with one, by the names that mount(8) has for it."""
_MOST_LINKS = 40
"""As many symbolic links as Linux follows in one path (path_resolution(7))."""
_BY_PROGRAM = "fuse"
"""Whatever a program makes up, such as sshfs or glusterfs, which tells of nothing."""


def reports_all_changes(device: int, mounts: Path = MOUNTS) -> bool:
    """Tell whether a file system tells of all changes; one that is not known does."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text().splitlines():
        # Before the hyphen stand some optional fields (proc(5), mountinfo).
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return not _is_shared(source.split()[0])
    return True


def _is_shared(kind: str) -> bool:
    return kind in _SHARED or kind.partition(".")[0] == _BY_PROGRAM


class SharedMounts:
    """The file systems that are served by another machine or by a program, where a look-up may block for ever."""

    def __init__(self, mounts: Path = MOUNTS) -> None:
        halves = (line.partition(" - ")[::2] for line in mounts.read_text().splitlines())
        points = ((before.split(" ")[4], source.split()[0]) for before, source in halves)
        # Of several on one mount point, the last is on top.
        self._mounts = {
            PurePosixPath(point.replace("\\040", " ")): _is_shared(kind) for point, kind in points
        }

    def resolve(self, path: str) -> Path | None:
        """Return an absolute path with its links resolved; None if it leads through a shared file system, or in a circle."""
        done, left = PurePosixPath("/"), [*reversed(PurePosixPath(path).parts[1:])]
        links = 0
        while left:
            name = left.pop()
            there = done.parent if name == ".." else done / name
            if self._holds(there) or links > _MOST_LINKS:
                return None
            try:
                target = PurePosixPath(os.readlink(there))  # noqa: PTH115  of a pure path, so that nothing else is looked up
            except OSError:
                done = there
                continue
            links += 1
            done = PurePosixPath("/") if target.is_absolute() else done
            left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        return Path(done)

    def _holds(self, path: PurePosixPath) -> bool:
        """Tell whether a path without links is on a shared file system."""
        return next((self._mounts[p] for p in (path, *path.parents) if p in self._mounts), False)
