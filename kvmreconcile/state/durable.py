"""Replace files so that a crash or a power cut leaves either the old content or the new."""

import os
from pathlib import Path


def rename_durably(old: Path, new: Path) -> None:
    """Rename a file whose content is on disk, and return when the new name is on disk as well."""
    old.rename(new)
    handle = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
