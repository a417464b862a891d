"""Read files that somebody else may have put there: without waiting for them, and no more than they may hold."""

import errno
import os
import stat
from pathlib import Path

NOT_REGULAR = "it is no regular file"
_PART = 1 << 16


def read_bounded(path: Path, most: int) -> bytes:
    """
    Return what a regular file holds; a link in its place is not followed, a pipe is not waited for.

    Args:
        most: How many bytes it may hold.

    Raises:
        OSError: It cannot be read, is no regular file, or holds more.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status, content = os.fstat(descriptor), bytearray()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
        # It may grow meanwhile.
        while max(status.st_size, len(content)) <= most:
            part = os.read(descriptor, _PART)
            if not part:
                return bytes(content)
            content += part
        raise OSError(errno.EFBIG, f"it holds more than {most >> 10} KiB", str(path))
    finally:
        os.close(descriptor)
