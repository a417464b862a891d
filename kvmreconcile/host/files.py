"""Tell whether a file of this machine, which libvirt is to open, is missing."""

from pathlib import Path

PRIVATE = ("/dev", "/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108  nothing is written there
"""Directories that the service does not see as libvirt does: PrivateDevices=, ProtectHome= and PrivateTmp= of its unit."""
LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "reiserfs", "xfs", "zfs"}
)
"""File systems on which a look-up ends; one that another machine serves may block for ever."""
MOUNTS = Path("/proc/self/mountinfo")


def is_file_missing(path: Path, mounts: Path = MOUNTS) -> bool:
    """
    Tell whether a file does not exist, though its directory does; False if that cannot be known.

    Without its directory it may be that this process sees other file systems than libvirt.
    """
    if any(path.is_relative_to(each) for each in PRIVATE) or _file_system(path, mounts) not in LOCAL:
        return False
    try:
        path.stat()
    except FileNotFoundError:
        return path.parent.is_dir()
    except OSError:
        return False
    return False


def _file_system(path: Path, mounts: Path) -> str:
    """
    Return the type of the file system that a path is on, "" if unknown.

    Source: proc(5), /proc/pid/mountinfo.
    """
    found, best = "", -1
    try:
        lines = mounts.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].replace("\\040", " ")
        # Of several on one mount point, the last is on top.
        if path.is_relative_to(point) and len(point) >= best:
            found, best = after.split(" ")[0], len(point)
    return found
