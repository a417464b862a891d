"""Check whether local files that libvirt uses are missing, and whether a directory has new files."""

import stat
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

PRIVATE = ("/dev", "/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  nothing is written there
"""
Directories whose content differs between this service and libvirt.

The reason is PrivateDevices=, ProtectHome= and PrivateTmp= in the service's unit file.
"""
LOCAL = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "xfs", "zfs"})
"""
File systems that never block and that libvirt has mounted as well.

A network file system may block forever, and an overlay belongs to a container.
"""
_TICK_S = 2.0
"""A time in seconds that is longer than the timestamp granularity of all these file systems."""
MOUNTS = Path("/proc/self/mountinfo")


class Files:
    """
    The files of this machine and its current mounts.

    Args:
        mounts: The file that lists the mounts.
    """

    def __init__(self, mounts: Path = MOUNTS) -> None:
        self._file = mounts

    def lacks(self, path: Path) -> bool:
        """
        Return whether a file does not exist although its directory does; False if unknown.

        If the directory does not exist either, libvirt may have other file systems mounted than
        this process. Symbolic links are not followed, since they may lead anywhere.
        """
        if not self._is_shared_with_libvirt(path):
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
        Return a value that changes when a file is added to a directory.

        The value also changes when another directory is mounted there. Returns None if the value is
        unknown. It is unknown after a very recent change, because the next change may leave the
        timestamp unchanged.
        """
        if not self._is_shared_with_libvirt(path):
            return None
        try:
            status = path.lstat()
        except OSError:
            return None
        if not stat.S_ISDIR(status.st_mode) or status.st_mtime > time.time() - _TICK_S:
            return None
        return status.st_dev, status.st_ino, status.st_mtime_ns

    def _is_shared_with_libvirt(self, path: Path) -> bool:
        """
        Return whether a path names the same file for this process and libvirt.

        Paths with symbolic links return False.
        """
        if any(path.is_relative_to(each) for each in PRIVATE) or self._file_system(path) not in LOCAL:
            return False
        try:
            return all(stat.S_ISDIR(each.lstat().st_mode) for each in path.parents)
        except OSError:
            return False

    def _file_system(self, path: Path) -> str:
        """Return the type of the file system that contains a path, or "" if unknown."""
        found, best = "", -1
        for point, kind in self._mounts:
            # If several file systems have the same mount point, the last one hides the others.
            if path.is_relative_to(point) and len(point) >= best:
                found, best = kind, len(point)
        return found

    @cached_property
    def _mounts(self) -> Sequence[tuple[str, str]]:
        """
        The mount points, each with the type of its file system.

        Source: proc(5), /proc/pid/mountinfo.
        """
        try:
            lines = self._file.read_text(errors="surrogateescape").splitlines()
        except OSError:
            return ()
        halves = (line.partition(" - ")[::2] for line in lines)
        return [(before.split(" ")[4].replace("\\040", " "), after.split(" ")[0]) for before, after in halves]
