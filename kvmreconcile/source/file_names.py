"""Tell by its name whether a file is read, and how messages call it."""

import os
from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.source.decoding import shown_path

SUFFIXES = (".yaml", ".yml")
"""How the names of spec files end, in lower or upper case."""


def is_spec(name: str) -> bool:
    """Tell whether a file of this name in a directory is read."""
    return name.lower().endswith(SUFFIXES)


IGNORE_FILE = ".kvmreconcileignore"
"""The file in a directory of specs that names what in it is not read."""


@dataclass(frozen=True, slots=True)
class Naming:
    """
    How messages call files: by their paths, or by what they are called elsewhere.

    Attributes:
        root: The copy of another directory, whose files are called as they are there; None for no such thing.
        called: That directory's own name, "" for none.
        submodules: Paths in that directory that the copy leaves out.
    """

    root: Path | None = None
    called: str = ""
    submodules: tuple[str, ...] = ()

    def of(self, path: Path) -> str:
        """Return a file's name as it can be printed."""
        if self.root is None or path == self.root or not path.is_relative_to(self.root):
            return shown_path(path)
        return shown_path(Path(self.called, path.relative_to(self.root)))

    def of_root(self, path: Path) -> str:
        """Return the name of a path that specs are read from as it can be printed."""
        return shown_path(path) if self.root is None else self.called or "the repository"

    def place_of(self, path: Path) -> str:
        """Return what the state remembers of a file: its absolute path, or in a copy its path in what was copied."""
        if self.root is not None:
            return self.of(path)
        # Links are not followed: one may be turned to another copy of the same files.
        return shown_path(Path(os.path.abspath(path)))  # noqa: PTH100

    def path_of(self, place: str) -> Path | None:
        """Return where a remembered file is on this machine, None if it is not in what was copied."""
        path = Path(place)
        if path.is_absolute():
            return path
        if self.root is None or not path.is_relative_to(self.called):
            return None
        return self.root / path.relative_to(self.called)


BY_PATH = Naming()
