"""Define places in spec files."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a spec file."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"
