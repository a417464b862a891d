"""Replace files so that a crash or a power cut leaves either the old content or the new."""

import os
from pathlib import Path

from kvmreconcile.state.owner import created


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file's content, or create it, for the directory's owner alone; it is on disk when this returns."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(created(new), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(new, path)


def rename_durably(old: Path, new: Path) -> None:
    """Rename a file whose content is on disk, and return when the new name is on disk as well."""
    old.rename(new)
    handle = os.open(new.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
