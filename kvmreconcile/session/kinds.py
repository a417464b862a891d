"""Find the kinds of objects: those of this package and those of installed plugins."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from kvmreconcile.execute.plugins import load_plugin
from kvmreconcile.kinds import KINDS
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.tree.variants import for_version

Kinds = Mapping[str, Kind]
KIND_ENTRY_POINTS = "kvmreconcile.kinds"
"""Entry-point group in which other packages register kinds, each under its name."""


def known_kinds() -> Kinds:
    """
    Return every kind by its name: our own, then those of other installed packages.

    Raises:
        SpecError: A package's kind cannot be loaded.
    """
    points = entry_points(group=KIND_ENTRY_POINTS)
    plugins: dict[str, Kind] = {point.name: load_plugin(KIND_ENTRY_POINTS, point.name) for point in points}
    return {kind.name: kind for kind in KINDS} | plugins


def kinds_for_connection(kinds: Kinds, connection: Any) -> Kinds:
    """Return kinds without the verbs that the connected libvirt is too old for; their changes take effect at a start."""
    return {
        name: replace(kind, rules=for_version(kind.rules, connection.version)) for name, kind in kinds.items()
    }
