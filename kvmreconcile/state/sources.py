"""Store the spec source of each object."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from kvmreconcile.model import Key, Root, SpecSource
from kvmreconcile.state.rows import UNREADABLE, write_place

_PUT = "INSERT OR REPLACE INTO sources VALUES (?, ?, ?)"


class Sources:
    """
    The spec source of each object.

    Args:
        using: Returns a context manager that yields the database.
    """

    def __init__(self, using: Callable[[], AbstractContextManager[sqlite3.Connection]]) -> None:
        self._using = using

    def all(self) -> dict[Key, SpecSource]:
        """Return the stored source of each object."""
        with self._using() as database:
            rows = database.execute("SELECT kind, name, roots FROM sources ORDER BY kind, name").fetchall()
        return {Key(str(kind), str(name)): _read(roots) for kind, name, roots in rows}

    def put(self, sources: Mapping[Key, SpecSource]) -> None:
        """Store the sources of objects in one transaction; they are on disk when this returns."""
        rows = [(*write_place(key), _to_json(source)) for key, source in sources.items()]
        with self._using() as database, database:
            database.execute("BEGIN IMMEDIATE")
            database.executemany(_PUT, rows)


def _to_json(source: SpecSource) -> str:
    return json.dumps([[root.path, root.repository] for root in source.roots])


def _read(text: str) -> SpecSource:
    """Return a source. An unreadable source is unknown, so that the object is not removed."""
    try:
        return SpecSource(tuple(Root(str(path), str(repository)) for path, repository in json.loads(text)))
    except UNREADABLE:
        return SpecSource()
