"""Store suspensions in the database and in the second copy."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.model import Key, Suspension
from kvmreconcile.state.copies import change, read_merged
from kvmreconcile.state.rows import read_suspension, write_place, write_suspension
from kvmreconcile.state.second_copy import Place


class Suspensions:
    """
    The suspensions of single objects, and of all objects together.

    Args:
        using: Returns a context manager that yields the database.
        directory: The state directory.
    """

    def __init__(
        self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], directory: Path
    ) -> None:
        self._using = using
        self._directory = directory

    def all(self) -> dict[Key | None, Suspension]:
        """Return suspensions by object, including expired ones; the key None stands for all objects."""
        with self._using() as database:
            rows = read_merged(database, self._directory).suspended
        try:
            return dict(read_suspension(row) for _, row in sorted(rows.items()))
        except ValueError as error:
            raise StateError(f"{self._directory}: {error}") from error

    def suspend(self, key: Key | None, suspension: Suspension) -> None:
        """Store the suspension of an object, or of all objects (None); replace an earlier suspension."""
        row = {_place(key): write_suspension(key, suspension)}
        with self._using() as database:
            change(
                database,
                self._directory,
                lambda before: replace(before, suspended={**before.suspended, **row}),
            )

    def resume(self, key: Key | None) -> bool:
        """Remove the suspension of an object, or of all objects (None); return whether it existed."""
        place = _place(key)
        with self._using() as database:
            before = change(
                database,
                self._directory,
                lambda b: replace(b, suspended={p: row for p, row in b.suspended.items() if p != place}),
            )
        return place in before.suspended


def _place(key: Key | None) -> Place:
    kind, name = write_place(key)
    return str(kind), str(name)
