"""Tell by its name whether a file is read, and how messages call it."""

from dataclasses import dataclass
from pathlib import Path

from kvmreconcile.source.text import shown_path

SUFFIXES = (".yaml", ".yml")
"""How the names of spec files end, in lower or upper case."""


def is_spec(name: str) -> bool:
    """Tell whether a file of this name in a directory is read."""
    return name.lower().endswith(SUFFIXES)


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


BY_PATH = Naming()
