"""Facts about a state database itself, as rows of its table `meta`."""

import sqlite3

from kvmreconcile.model import HostId

_UUID, _DRIVER = "host_uuid", "host_driver"
_PUT = "INSERT OR REPLACE INTO meta VALUES (?, ?)"


def read_host(database: sqlite3.Connection) -> HostId | None:
    """Return the host that the state belongs to, None before it was first used."""
    known: dict[str, str] = dict(database.execute("SELECT name, value FROM meta").fetchall())
    return HostId(known[_UUID], known[_DRIVER]) if known.keys() >= {_UUID, _DRIVER} else None


def write_host(database: sqlite3.Connection, host: HostId) -> None:
    """Write down the host that the state belongs to."""
    database.executemany(_PUT, [(_UUID, host.uuid), (_DRIVER, host.driver)])
