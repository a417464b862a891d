"""
The file beside the database that holds a second copy of what forbids changes: suspensions, and whose state it is.

The file is replaced as a whole, so that it is always whole, and is on disk before the database says the same.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvmreconcile.model import HostId
from kvmreconcile.state.durable import write_durably
from kvmreconcile.state.rows import Row
from kvmreconcile.system.bounded import Unfit, read_bounded

FILE = "suspensions.json"
SCHEMA = "kvmreconcile/suspensions/1"
_LONGEST = 16 << 20
"""Maximum size in bytes, enough for tens of thousands of suspensions."""
_COLUMNS = ("kind", "name", "since", "until", "why", "who")

Place = tuple[str, str]
"""Kind and name of what is suspended, both "" for everything."""


@dataclass(frozen=True, slots=True)
class Copy:
    """
    What the file and the database both hold.

    Attributes:
        host: The host that the state belongs to, None if it is bound to none.
        unproved: Whether it is unknown that there was nothing before this state, so that one may have been lost.
        suspended: Rows as those of the table, by place.
    """

    host: HostId | None = None
    unproved: bool = False
    suspended: Mapping[Place, Row] = field(default_factory=dict)


NOTHING = Copy(unproved=True)
"""What is known where there is neither a file nor a database."""


def read_copy(directory: Path) -> Copy | None:
    """
    Return what a directory's file holds, None where there is none, or it is not as it was written.

    Raises:
        OSError: It cannot be read.
    """
    try:
        return _understood(json.loads(read_bounded(directory / FILE, _LONGEST)))
    except (FileNotFoundError, Unfit):
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def seen_copy(directory: Path) -> Copy | None:
    """Return what a directory's file holds, None also where it cannot be read."""
    with suppress(OSError):
        return read_copy(directory)
    return None


def _understood(found: Any) -> Copy:
    if found["schema"] != SCHEMA:
        raise ValueError
    host = HostId(str(found["host"]["uuid"]), str(found["host"]["driver"])) if found["host"] else None
    rows = [tuple(each[name] for name in _COLUMNS) for each in found["suspended"]]
    return Copy(host, bool(found["unproved"]), {(str(row[0]), str(row[1])): row for row in rows})


def write_copy(directory: Path, copy: Copy) -> None:
    """
    Write a directory's file; it is on disk when this returns.

    Raises:
        OSError: It cannot be written, and is as it was.
    """
    content = {
        "schema": SCHEMA,
        "host": {"uuid": copy.host.uuid, "driver": copy.host.driver} if copy.host else None,
        "unproved": copy.unproved,
        "suspended": [dict(zip(_COLUMNS, row, strict=True)) for _, row in sorted(copy.suspended.items())],
    }
    write_durably(directory / FILE, f"{json.dumps(content, indent=1)}\n".encode())
