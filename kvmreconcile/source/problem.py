"""
Define a problem at a place in a file.

Unlike `errors.Problem`, which is rendered for users, this class has line and column as numbers for
sorting, and need not name an object.
"""

from dataclasses import dataclass

from kvmreconcile.errors import Problem
from kvmreconcile.model import Source

_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A problem in a file: its place, what is wrong, and how to fix it."""

    source: Source
    what: str
    todo: str = ""

    @property
    def order(self) -> tuple[str, int, int]:
        """The sort key: file, line and column."""
        return self.source.file, self.source.line, self.source.column

    def of(self, label: str) -> "LocatedProblem":
        """
        Return the problem with the object's name in front of the text.

        Args:
            label: The object's name; "" leaves the text unchanged.
        """
        return LocatedProblem(self.source, f"{label}: {self.what}", self.todo) if label else self

    def to_problem(self) -> Problem:
        """Return the problem in the form that is reported to users."""
        return Problem(str(self.source), _cut(self.what), _cut(self.todo))


def _cut(text: str) -> str:
    """Return a text cut to a maximum length, as the text may quote a document."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def printable(text: str) -> str:
    """
    Return a word of a document for a message.

    Control characters are escaped, and the word is cut to 80 characters.
    """
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:81])
    return clean if len(text) <= 80 else f"{clean[:77]}..."
