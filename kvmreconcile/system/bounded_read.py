"""
Read files that another user may have written.

Reading does not block on a pipe, and stops at a maximum size.
"""

import errno
import os
import stat
from pathlib import Path

NOT_REGULAR = "not a regular file"
_PART = 1 << 16


class Unfit(OSError):
    """
    A file is not a regular file, or is larger than allowed.

    The class distinguishes this error from operating system errors with the same number.
    """


def read_bounded(path: Path, most: int) -> bytes:
    """
    Return the content of a regular file, without following symbolic links or blocking on a pipe.

    Args:
        most: Maximum size in bytes.

    Raises:
        OSError: The file cannot be read.
        Unfit: The file is not a regular file, or is larger than `most`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status, content = os.fstat(descriptor), bytearray()
        if not stat.S_ISREG(status.st_mode):
            raise Unfit(errno.EINVAL, NOT_REGULAR, str(path))
        # The file may grow while it is read.
        while max(status.st_size, len(content)) <= most:
            part = os.read(descriptor, _PART)
            if not part:
                return bytes(content)
            content += part
        raise Unfit(errno.EFBIG, f"larger than {most >> 10} KiB", str(path))
    finally:
        os.close(descriptor)
