"""The formats of volumes whose specs say none, for the volumes themselves and for the guests that use them. Pure."""

from kvmreconcile.tree import Node

_IN_DIRECTORIES = frozenset({None, "dir", "fs", "netfs"})
"""Types of pools whose volumes are files; None is a new pool whose spec says no type."""
_BY_ENDING = {"iso": "raw", "raw": "raw"}
"""Formats of new volumes by the suffix of their names."""


def new_format(name: str, pool: Node | None) -> str | None:
    """Return the format of a new volume; None where its pool gives it one, as it keeps no files."""
    if pool is not None and pool.attr("type") not in _IN_DIRECTORIES:
        return None
    return _BY_ENDING.get(name.rpartition(".")[2], "qcow2")
