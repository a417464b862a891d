"""Remember what nothing is to be done to, in the database and in its second copy."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from kvmreconcile.errors import StateError
from kvmreconcile.model import Key, Suspension
from kvmreconcile.state.copies import change, known
from kvmreconcile.state.rows import read_suspension, write_place, write_suspension
from kvmreconcile.state.second_copy import Place


class Suspensions:
    """
    What is suspended, until it is resumed.

    Args:
        using: Lends the database.
        directory: The state's.
    """

    def __init__(
        self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], directory: Path
    ) -> None:
        self._using = using
        self._directory = directory

    def all(self) -> dict[Key | None, Suspension]:
        """Return what nothing is to be done to, None for all there is; what is over may be among it."""
        with self._using() as database:
            rows = known(database, self._directory).suspended
        try:
            return dict(read_suspension(row) for _, row in sorted(rows.items()))
        except ValueError as error:
            raise StateError(f"{self._directory}: {error}") from error

    def suspend(self, key: Key | None, suspension: Suspension) -> None:
        """Remember that nothing is to be done to an object, or to any, in place of what was said before."""
        said = {_place(key): write_suspension(key, suspension)}
        with self._using() as database:
            change(
                database,
                self._directory,
                lambda before: replace(before, suspended={**before.suspended, **said}),
            )

    def resume(self, key: Key | None) -> bool:
        """Take that back, and tell whether it had been said."""
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
