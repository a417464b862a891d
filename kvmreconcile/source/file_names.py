"""Decide from a file's name whether to read the file and how messages name it."""

import os
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.source.decoding import shown_path

SUFFIXES = (".yaml", ".yml")
"""Suffixes of spec files' names, matched in lower or upper case."""


def is_spec(name: str) -> bool:
    """Return whether a file of this name in a directory is read."""
    return name.lower().endswith(SUFFIXES)


IGNORE_FILE = ".kvmreconcileignore"
"""Name of the file in a directory of specs that lists the files to exclude."""


@dataclass(frozen=True, slots=True)
class Naming:
    """
    How messages name files.

    A file is named by its path, or, in a copy of a directory, by its name in the original
    directory.

    Attributes:
        root: The copy of another directory, such as a checkout of a revision; None if files are not
            in a copy.
        original: The name of the original directory, "" for none.
        submodules: Paths in the original directory that the copy lacks.
    """

    root: Path | None = None
    original: str = ""
    submodules: tuple[str, ...] = ()

    def of(self, path: Path) -> str:
        """Return the printable name of a file."""
        if self.root is None or path == self.root or not path.is_relative_to(self.root):
            return shown_path(path)
        return shown_path(Path(self.original, path.relative_to(self.root)))

    def of_root(self, path: Path) -> str:
        """Return the printable name of a file or directory from which specs are read."""
        return shown_path(path) if self.root is None else self.original or "the repository"

    def place_of(self, path: Path) -> str:
        """
        Return a file's name in the state database.

        This is the file's absolute path, or, for a file in a copy, its path in the original
        directory.
        """
        if self.root is not None:
            return self.of(path)
        # Symbolic links are not resolved, as they may later point to another copy of the files.
        return shown_path(Path(os.path.abspath(path)))  # noqa: PTH100

    def path_of(self, place: str) -> Path | None:
        """
        Return the path on this machine of a file that the state database names.

        Returns None if the file is not in the copied directory.
        """
        path = Path(place)
        if path.is_absolute():
            return path
        if self.root is None or not path.is_relative_to(self.original):
            return None
        return self.root / path.relative_to(self.original)


BY_PATH = Naming()
