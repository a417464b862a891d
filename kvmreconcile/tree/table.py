"""Look up rows of rules by path."""

import re
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from kvmreconcile.tree.paths import shorten_uris

T = TypeVar("T")


class Table(Generic[T]):
    """
    Rows by path pattern; the first match is used. A row with the value False is an exception to later rows.

    Lookups are cached, because a kind has few distinct paths.

    Attributes:
        rows: The rows, as (path pattern, value).
        used: The path patterns that have matched, for the test that finds unused rows.
    """

    def __init__(self, rows: Mapping[str, T]) -> None:
        self.rows = tuple(rows.items())
        self.used: set[str] = set()
        self._patterns = tuple((key, _pattern(key), value) for key, value in self.rows)
        self._found: dict[str, T | None] = {}

    def get(self, path: str) -> T | None:
        """Return the value of the first row with a pattern that matches the path; None if there is none."""
        try:
            return self._found[path]
        except KeyError:
            pass
        for key, pattern, value in self._patterns:
            if pattern.fullmatch(path):
                self.used.add(key)
                self._found[path] = value
                return value
        self._found[path] = None
        return None

    def __contains__(self, path: str) -> bool:
        return self.get(path) not in (None, False)

    def all(self, path: str) -> Iterator[T]:
        """Yield the value of every row with a pattern that matches the path, in order."""
        for key, pattern, value in self._patterns:
            if pattern.fullmatch(path):
                self.used.add(key)
                yield value


def paths(*patterns: str) -> "Table[bool]":
    """Return a table that contains paths; the value of each row is True."""
    return Table(dict.fromkeys(patterns, True))


def is_within(table: Table[bool], path: str) -> bool:
    """Return whether a table contains a path or one of its parents."""
    parts = path.split("/")
    return any(table.get("/".join(parts[:n])) for n in range(1, len(parts) + 1))


def _pattern(key: str) -> re.Pattern[str]:
    """Return a path pattern as a regular expression: "*" is one tag, "**" is any number of tags."""
    parts = re.split(r"(\*\*|\*)", shorten_uris(key))
    return re.compile("".join({"*": "[^/@]+", "**": ".*"}.get(part, re.escape(part)) for part in parts))
