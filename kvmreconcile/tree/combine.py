"""Combine the rules of the sections of a kind."""

from collections.abc import Iterator
from dataclasses import fields
from typing import TypeVar, cast

from kvmreconcile.tree.rules import Rules
from kvmreconcile.tree.table import Table

T = TypeVar("T")


def combined(*parts: Rules) -> Rules:
    """
    Return rules with the rows of all parts; rows with more specific paths come first.

    Rows that are lists are concatenated if they are for the same path.

    Raises:
        ValueError: Two parts have a row for the same path, and these rows are not lists.
    """
    names = [f.name for f in fields(Rules)]
    return Rules(**{name: _combined(name, [getattr(part, name) for part in parts]) for name in names})


def _combined(name: str, tables: list[Table[T]]) -> Table[T]:
    rows: dict[str, T] = {}
    for path, row in (each for table in tables for each in table.rows):
        rows[path] = _added(rows[path], row, f"{name}: {path!r}") if path in rows else row
    return Table(dict(sorted(rows.items(), key=lambda item: tuple(_vagueness(item[0])))))


def _added(row: T, more: T, where: str) -> T:
    if isinstance(row, tuple) and isinstance(more, tuple):
        return cast("T", (*row, *more))
    raise ValueError(f"{where} has two rows")


def _vagueness(path: str) -> Iterator[int]:
    """Yield the vagueness of each step of a path: 0 for a tag, 1 for any tag, 2 for any number of tags."""
    for step in path.split("/"):
        yield 2 if step == "**" else 1 if "*" in step else 0
