"""Look at files of this machine, which libvirt is to open or lists: whether one is missing, whether one was added."""

import stat
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

PRIVATE = ("/dev", "/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  nothing is written there
"""Directories that the service does not see as libvirt does: PrivateDevices=, ProtectHome= and PrivateTmp= of its unit."""
LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"})
"""
File systems on which a look-up ends, and which libvirt sees as well.

One that another machine serves may block for ever, and an overlay is a container's own.
"""
_TICK_S = 2.0
"""Longer than a tick of the clock of any of these file systems."""
MOUNTS = Path("/proc/self/mountinfo")


class Files:
    """The files of this machine, with what is mounted where now."""

    def __init__(self, mounts: Path = MOUNTS) -> None:
        self._file = mounts

    def lacks(self, path: Path) -> bool:
        """
        Tell whether a file does not exist, though its directory does; False if that cannot be known.

        Without its directory it may be that this process sees other file systems than libvirt. Links are not followed,
        since they may lead anywhere.
        """
        if not self._is_seen_by_libvirt(path):
            return False
        try:
            path.lstat()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return False

    def directory_version(self, path: Path) -> tuple[int, int, int] | None:
        """
        Return what differs once a file was added to a directory, or another one is mounted there; None if unknown.

        A directory that has just changed has no stamp: a further change within the same tick of the file system's clock
        would not show.
        """
        if not self._is_seen_by_libvirt(path):
            return None
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode) or status.st_mtime > time.time() - _TICK_S:
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns

    def _is_seen_by_libvirt(self, path: Path) -> bool:
        """Tell whether a path is in a directory, reached without links, that this process sees as libvirt does."""
        if any(path.is_relative_to(each) for each in PRIVATE) or self._file_system(path) not in LOCAL:
            return False
        try:
            return all(stat.S_ISDIR(each.lstat().st_mode) for each in path.parents)
        except OSError:
            return False

    def _file_system(self, path: Path) -> str:
        """Return the type of the file system that a path is on, "" if unknown."""
        found, best = "", -1
        for point, kind in self._mounts:
            # Of several on one mount point, the last is on top.
            if path.is_relative_to(point) and len(point) >= best:
                found, best = kind, len(point)
        return found

    @cached_property
    def _mounts(self) -> Sequence[tuple[str, str]]:
        """
        The mount points and the types of their file systems.

        Source: proc(5), /proc/pid/mountinfo.
        """
        try:
            lines = self._file.read_text(errors="surrogateescape").splitlines()
        except OSError:
            return ()
        halves = (line.partition(" - ")[::2] for line in lines)
        return [(before.split(" ")[4].replace("\\040", " "), after.split(" ")[0]) for before, after in halves]
