"""Keep the database and its second copy equal. If they differ, the more restrictive value is used."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import Suspension
from kvmreconcile.state.meta import read_host, read_unproved, write_host, write_unproved
from kvmreconcile.state.rows import Row, read_suspension
from kvmreconcile.state.second_copy import NOTHING, Copy, Place, read_copy_if_possible, write_copy

_PUT = "INSERT INTO suspended VALUES (?, ?, ?, ?, ?, ?)"


def content(database: sqlite3.Connection) -> Copy:
    """Return the part of a database that the second copy duplicates."""
    found = database.execute("SELECT * FROM suspended").fetchall()
    # kvmreconcile writes only text. Other values are converted to text, because the second copy is JSON.
    rows = [tuple(v if v is None else str(v) for v in row) for row in found]
    return Copy(
        read_host(database), read_unproved(database), {(str(row[0]), str(row[1])): row for row in rows}
    )


def initial_content(copy: Copy | None) -> Copy:
    """Return the duplicated content of a new database, taken from the second copy if it exists."""
    return copy or NOTHING


def store_content(database: sqlite3.Connection, wanted: Copy) -> None:
    """Replace the part of a database that the second copy duplicates."""
    stored = content(database)
    if wanted.host and wanted.host != stored.host:
        write_host(database, wanted.host)
    if wanted.unproved != stored.unproved:
        write_unproved(database, unproved=wanted.unproved)
    if wanted.suspended != stored.suspended:
        database.execute("DELETE FROM suspended")
        database.executemany(_PUT, wanted.suspended.values())


def read_merged(database: sqlite3.Connection, directory: Path) -> Copy:
    """
    Return the merged content of the database and the second copy.

    An empty database without a second copy is treated as a replacement for a lost one.
    """
    stored, copy = content(database), read_copy_if_possible(directory)
    if copy is None:
        return replace(stored, unproved=stored.unproved or _is_blank(database))
    return Copy(
        stored.host or copy.host, stored.unproved, merge_suspensions(stored.suspended, copy.suspended)
    )


def change(database: sqlite3.Connection, directory: Path, update: Callable[[Copy], Copy]) -> Copy:
    """
    Update the content of the database and the second copy, and return the merged content before the update.

    If the process is killed between the two writes, the more restrictive content is used afterwards. If one
    of the two cannot be written, both are unchanged; but if the commit of the database fails, the second
    copy is already changed.

    Raises:
        OSError: The second copy cannot be written.
    """
    with database:
        database.execute("BEGIN IMMEDIATE")
        before = read_merged(database, directory)
        after = update(before)
        store_content(database, after)
        if after != read_copy_if_possible(directory):
            write_copy(directory, after)
    return before


def rewrite_copy(database: sqlite3.Connection, directory: Path) -> None:
    """
    Rewrite the second copy, inside the transaction that changed the database.

    Raises:
        OSError: The second copy cannot be written.
    """
    write_copy(directory, read_merged(database, directory))


def synchronize(database: sqlite3.Connection, directory: Path) -> None:
    """
    Store the merged content in the database and in the second copy, if they differ.

    Raises:
        OSError: The second copy cannot be written.
    """
    if not read_merged(database, directory) == content(database) == read_copy_if_possible(directory):
        change(database, directory, lambda before: before)


def merge_suspensions(one: Mapping[Place, Row], other: Mapping[Place, Row]) -> dict[Place, Row]:
    """Merge two sets of suspensions; of two suspensions of one object, keep the one that lasts longer."""
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
    """Return whether a database contains neither applied objects nor suspensions."""
    tables = ("applied", "suspended")
    return not any(database.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608
