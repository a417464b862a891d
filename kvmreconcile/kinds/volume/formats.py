"""Choose the format of volumes whose specs have none, for volumes and for guests that use them."""

from kvmreconcile.tree import Node

_IN_DIRECTORIES = frozenset({None, "dir", "fs", "netfs"})
"""Types of pools whose volumes are files; None is a new pool whose spec has no type."""
_BY_ENDING = {"iso": "raw", "raw": "raw"}
"""Formats of new volumes by the suffix of their names."""


def new_format(name: str, pool: Node | None) -> str | None:
    """Return the format of a new volume; None in a pool that determines the format of its volumes."""
    if pool is not None and pool.attr("type") not in _IN_DIRECTORIES:
        return None
    return _BY_ENDING.get(name.rpartition(".")[2], "qcow2")
