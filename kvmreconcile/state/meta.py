"""Facts about a state database itself, as rows of its table `meta`."""

import sqlite3

from kvmreconcile.model import HostId

_UUID, _DRIVER, _UNPROVED = "host_uuid", "host_driver", "unproved"
_PUT = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def read_host(database: sqlite3.Connection) -> HostId | None:
    """Return the host that the state belongs to, None before it was first used."""
    known = _known(database)
    return HostId(known[_UUID], known[_DRIVER]) if known.keys() >= {_UUID, _DRIVER} else None


def write_host(database: sqlite3.Connection, host: HostId) -> None:
    """Write down the host that the state belongs to."""
    database.executemany(_PUT, [(_UUID, host.uuid), (_DRIVER, host.driver)])


def read_unproved(database: sqlite3.Connection) -> bool:
    """Tell whether another state may have been lost before this one was created."""
    return _UNPROVED in _known(database)


def write_unproved(database: sqlite3.Connection, *, unproved: bool) -> None:
    """Write down whether another state may have been lost before this one was created."""
    if unproved:
        database.execute(_PUT, (_UNPROVED, "yes"))
    else:
        database.execute("DELETE FROM meta WHERE name = ?", (_UNPROVED,))


def _known(database: sqlite3.Connection) -> dict[str, str]:
    return dict(database.execute("SELECT name, value FROM meta").fetchall())
