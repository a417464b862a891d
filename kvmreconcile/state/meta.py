"""Read and write the table `meta`, which contains facts about the state database."""

import sqlite3

from kvmreconcile.model import HostId

_UUID, _DRIVER, _UNPROVED = "host_uuid", "host_driver", "unproved"
_PUT = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def read_host(database: sqlite3.Connection) -> HostId | None:
    """Return the host that the state belongs to; None before the first use."""
    values = _values(database)
    return HostId(values[_UUID], values[_DRIVER]) if values.keys() >= {_UUID, _DRIVER} else None


def write_host(database: sqlite3.Connection, host: HostId) -> None:
    """Store the host that the state belongs to."""
    database.executemany(_PUT, [(_UUID, host.uuid), (_DRIVER, host.driver)])


def read_unproved(database: sqlite3.Connection) -> bool:
    """Return whether another state may have been lost before this one was created."""
    return _UNPROVED in _values(database)


def write_unproved(database: sqlite3.Connection, *, unproved: bool) -> None:
    """Store whether another state may have been lost before this one was created."""
    if unproved:
        database.execute(_PUT, (_UNPROVED, "yes"))
    else:
        database.execute("DELETE FROM meta WHERE name = ?", (_UNPROVED,))


def _values(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, value FROM meta").fetchall())
