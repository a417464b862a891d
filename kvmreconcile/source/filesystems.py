"""
Tell whether a file system tells of changes that others make to it.

Separate from watching, which only wants to know whether to wait for events or to look again and again. inotify(7)
tells of what is done on this host: what another does to a share is seen by those who look.
"""

import os
from pathlib import Path

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
_BY_PROGRAM = "fuse"
"""Whatever a program makes up, such as sshfs or glusterfs, which tells of nothing."""


def tells_of_changes(device: int, mounts: Path = MOUNTS) -> bool:
    """Tell whether a file system tells of all changes; one that is not known does."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.read_text().splitlines():
        # Before the hyphen stand some optional fields (proc(5), mountinfo).
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            kind = source.split()[0]
            return kind not in _SHARED and kind.partition(".")[0] != _BY_PROGRAM
    return True
