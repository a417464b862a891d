"""
Read and write the second copy: a file next to the database with the suspensions and the host of the state.

The file is replaced atomically, so that it is never truncated. It is on disk before the database is
committed.
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
from kvmreconcile.system.bounded_read import Unfit, read_bounded

FILE = "suspensions.json"
SCHEMA = "kvmreconcile/suspensions/1"
_LONGEST = 16 << 20
"""Maximum size in bytes, enough for tens of thousands of suspensions."""
_COLUMNS = ("kind", "name", "since", "until", "why", "who")

Place = tuple[str, str]
"""Kind and name of the suspended object; ("", "") stands for all objects."""


@dataclass(frozen=True, slots=True)
class Copy:
    """
    The content that both the file and the database contain.

    Attributes:
        host: The host that the state belongs to; None if the state is not bound to a host.
        unproved: Whether an earlier state may have been lost.
        suspended: Rows of the table `suspended`, by kind and name.
    """

    host: HostId | None = None
    unproved: bool = False
    suspended: Mapping[Place, Row] = field(default_factory=dict)


NOTHING = Copy(unproved=True)
"""The content if there is neither a file nor a database."""


def read_copy(directory: Path) -> Copy | None:
    """
    Return the content of the second copy; None if the file does not exist or is invalid.

    Raises:
        OSError: The file cannot be read.
    """
    try:
        return _parse(json.loads(read_bounded(directory / FILE, _LONGEST)))
    except (FileNotFoundError, Unfit):
        return None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def read_copy_if_possible(directory: Path) -> Copy | None:
    """Return the content of the second copy; None if the file does not exist, is invalid or unreadable."""
    with suppress(OSError):
        return read_copy(directory)
    return None


def _parse(found: Any) -> Copy:
    if found["schema"] != SCHEMA:
        raise ValueError
    host = HostId(str(found["host"]["uuid"]), str(found["host"]["driver"])) if found["host"] else None
    rows = [tuple(each[name] for name in _COLUMNS) for each in found["suspended"]]
    return Copy(host, bool(found["unproved"]), {(str(row[0]), str(row[1])): row for row in rows})


def write_copy(directory: Path, copy: Copy) -> None:
    """
    Write the second copy; the file is on disk when this returns.

    Raises:
        OSError: The file cannot be written; an existing file is unchanged.
    """
    content = {
        "schema": SCHEMA,
        "host": {"uuid": copy.host.uuid, "driver": copy.host.driver} if copy.host else None,
        "unproved": copy.unproved,
        "suspended": [dict(zip(_COLUMNS, row, strict=True)) for _, row in sorted(copy.suspended.items())],
    }
    write_durably(directory / FILE, f"{json.dumps(content, indent=1)}\n".encode())
