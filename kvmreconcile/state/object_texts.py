"""Store one text for each object: the file of its last spec, its owner, the hosts that its spec is placed on."""

import sqlite3
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager

from kvmreconcile.model import Key
from kvmreconcile.state.rows import write_place


class ObjectTexts:
    """
    A table with one text for each object.

    Args:
        using: A context manager that yields the database.
        table: The table, with the columns kind, name and the text.
    """

    def __init__(self, using: Callable[[], AbstractContextManager[sqlite3.Connection]], table: str) -> None:
        self._using = using
        self._read = f"SELECT * FROM {table}"  # noqa: S608  a name in the source, as those below
        self._put = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)"  # noqa: S608
        self._drop = f"DELETE FROM {table} WHERE (kind, name) = (?, ?)"  # noqa: S608

    def all(self) -> dict[Key, str]:
        """Return the texts by object; unreadable rows are skipped."""
        with self._using() as database:
            rows = database.execute(self._read).fetchall()
        return {Key(*row[:2]): row[2] for row in rows if all(isinstance(value, str) for value in row)}

    def record(self, texts: Mapping[Key, str], kept: Collection[Key]) -> None:
        """
        Store the texts of objects; they are on disk when this returns.

        Args:
            kept: Objects without a text in `texts` whose stored text is kept; those of all others are deleted.
        """
        self.add(texts, {key for key in self.all() if key not in texts and key not in kept})

    def add(self, texts: Mapping[Key, str], dropped: Collection[Key]) -> None:
        """Store the texts of objects, delete those of others, and keep all further ones."""
        before = self.all()
        changed = [(*write_place(key), text) for key, text in texts.items() if before.get(key) != text]
        gone = [write_place(key) for key in before if key in dropped]
        if changed or gone:
            with self._using() as database, database:
                database.execute("BEGIN IMMEDIATE")
                database.executemany(self._put, changed)
                database.executemany(self._drop, gone)
