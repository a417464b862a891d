"""Store the file of each object's spec, so that the object is held while the file cannot be read."""

import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from kvmreconcile.model import Key
from kvmreconcile.state.rows import write_place

_PUT = "INSERT OR REPLACE INTO spec_files VALUES (?, ?, ?)"
_DROP = "DELETE FROM spec_files WHERE (kind, name) = (?, ?)"


class SpecFiles:
    """
    The file of each object's last spec.

    Args:
        using: Returns a context manager that yields the database.
    """

    def __init__(self, using: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._using = using

    def all(self) -> dict[Key, str]:
        """Return the file of each object; unreadable rows are skipped."""
        with self._using() as database:
            rows = database.execute("SELECT kind, name, file FROM spec_files").fetchall()
        return {Key(*row[:2]): row[2] for row in rows if all(isinstance(value, str) for value in row)}

    def note(self, files: Mapping[Key, str], known: Collection[Key]) -> None:
        """
        Store the files of specs; they are on disk when this returns.

        Args:
            files: The file of each object that has a spec.
            known: Objects that are in the state. Stored files of objects that have no spec and are not
                in the state are deleted.
        """
        before = self.all()
        changed = [(*write_place(key), file) for key, file in files.items() if before.get(key) != file]
        dropped = [write_place(key) for key in before if key not in files and key not in known]
        if changed or dropped:
            with self._using() as database, database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(_PUT, changed)
                database.executemany(_DROP, dropped)
