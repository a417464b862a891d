"""
Whose the files of the state are: the directory's owner's, whoever makes them.

Separate from what is in them. The daemon runs as a user of its own, and must be able to write what root has made by
a command in its directory.
"""

import os
from pathlib import Path


def opened(path: Path) -> int:
    """Open a file to be read and written, made if need be for the directory's owner alone, and return its handle."""
    return _handed_over(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


def created(path: Path) -> int:
    """Create a file for the directory's owner alone, in place of one that is there, and return its handle."""
    path.unlink(missing_ok=True)
    return _handed_over(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _handed_over(path: Path, handle: int) -> int:
    """Give a file that root has opened to the owner of its directory."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    return handle


def hand_over(directory: Path) -> None:
    """Give all that root has made below a directory to its owner."""
    if os.geteuid() != 0:
        return
    owner = directory.stat()
    for home, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = Path(home, name)
            if path.lstat().st_uid != owner.st_uid:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
