"""Have the database and its second copy say the same; where they differ, what forbids more counts."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import Suspension
from kvmreconcile.state.meta import read_host, read_unproved, write_host, write_unproved
from kvmreconcile.state.rows import Row, read_suspension
from kvmreconcile.state.second_copy import NOTHING, Copy, Place, seen_copy, write_copy

_PUT = "INSERT INTO suspended VALUES (?, ?, ?, ?, ?, ?)"


def content(database: sqlite3.Connection) -> Copy:
    """Return what a database holds of what both hold."""
    found = database.execute("SELECT * FROM suspended").fetchall()
    # kvmreconcile writes only text; values of other types are kept as their text, which the second copy can hold.
    rows = [tuple(v if v is None else str(v) for v in row) for row in found]
    return Copy(
        read_host(database), read_unproved(database), {(str(row[0]), str(row[1])): row for row in rows}
    )


def initial(copy: Copy | None) -> Copy:
    """Return what a new database is to hold beside a second copy, or without one."""
    return copy or NOTHING


def store(database: sqlite3.Connection, wanted: Copy) -> None:
    """Have a database hold just this of what both hold."""
    stored = content(database)
    if wanted.host and wanted.host != stored.host:
        write_host(database, wanted.host)
    if wanted.unproved != stored.unproved:
        write_unproved(database, unproved=wanted.unproved)
    if wanted.suspended != stored.suspended:
        database.execute("DELETE FROM suspended")
        database.executemany(_PUT, wanted.suspended.values())


def known(database: sqlite3.Connection, directory: Path) -> Copy:
    """
    Return all that either holds.

    A database without a row and without a second copy is as good as a lost one.
    """
    stored, copy = content(database), seen_copy(directory)
    if copy is None:
        return replace(stored, unproved=stored.unproved or _is_blank(database))
    return Copy(stored.host or copy.host, stored.unproved, merged(stored.suspended, copy.suspended))


def change(database: sqlite3.Connection, directory: Path, update: Callable[[Copy], Copy]) -> Copy:
    """
    Write down in both what follows from all that either holds, and return that.

    Killed before the end, what forbids more counts. If one of them cannot be written, neither is changed, unless the
    database fails last.

    Raises:
        OSError: The second copy cannot be written.
    """
    with database:
        database.execute("BEGIN IMMEDIATE")
        before = known(database, directory)
        after = update(before)
        store(database, after)
        if after != seen_copy(directory):
            write_copy(directory, after)
    return before


def renew(database: sqlite3.Connection, directory: Path) -> None:
    """
    Rewrite the second copy, inside the transaction that changed the database.

    Raises:
        OSError: It cannot be written.
    """
    write_copy(directory, known(database, directory))


def agree(database: sqlite3.Connection, directory: Path) -> None:
    """
    Have both hold all that either holds.

    Raises:
        OSError: The second copy cannot be written.
    """
    if not known(database, directory) == content(database) == seen_copy(directory):
        change(database, directory, lambda before: before)


def merged(one: Mapping[Place, Row], other: Mapping[Place, Row]) -> dict[Place, Row]:
    """Return the suspensions of both; of two of one object the one that lasts longer."""
    both = {place: _longer(one[place], other[place]) for place in one.keys() & other.keys()}
    return {**one, **other, **both}


def _longer(one: Row, other: Row) -> Row:
    first, second = _read(one), _read(other)
    if first is None or (second is not None and _ends(second) > _ends(first)):
        return other
    return one


def _ends(suspension: Suspension) -> float:
    return suspension.until.timestamp() if suspension.until else float("inf")


def _read(row: Row) -> Suspension | None:
    try:
        return read_suspension(row)[1]
    except ValueError:
        return None


def _is_blank(database: sqlite3.Connection) -> bool:
    """Tell whether a database remembers nothing that decides anything."""
    tables = ("applied", "suspended")
    return not any(database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608
