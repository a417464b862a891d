"""
One thing wrong at one place of a file, while the file is being read.

Separate from `errors.Problem`, which is for people: a fault still has its place as numbers, to sort by, and
does not yet know of which object it is.
"""

from dataclasses import dataclass

from kvmreconcile.errors import Problem
from kvmreconcile.model import Source

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """What is wrong, where, and what to do about it."""

    source: Source
    what: str
    todo: str = ""

    @property
    def order(self) -> tuple[str, int, int]:
        """Where the fault stands among others: by file, line and column."""
        return self.source.file, self.source.line, self.source.column

    def of(self, label: str) -> "LocatedProblem":
        """Return the fault with the name of the object it is about, "" where that is not known."""
        return LocatedProblem(self.source, f"{label}: {self.what}", self.todo) if label else self

    def problem(self) -> Problem:
        """Return the fault as people read it."""
        return Problem(str(self.source), _cut(self.what), _cut(self.todo))


def _cut(text: str) -> str:
    """Return a text up to a maximum length: it may quote a document."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def shown(text: str) -> str:
    """Return a user's own word as it can be shown: short, and without what a terminal would obey."""
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:81])
    return clean if len(text) <= 80 else f"{clean[:77]}..."
