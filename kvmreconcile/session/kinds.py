"""Find the kinds of objects in this package and in installed plugins."""

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
"""Entry-point group in which other packages register kinds by name."""


def known_kinds() -> Kinds:
    """
    Return all kinds by name: the kinds of this package, then those of other installed packages.

    Raises:
        SpecError: The kind of another package cannot be loaded.
    """
    points = entry_points(group=KIND_ENTRY_POINTS)
    plugins: dict[str, Kind] = {point.name: load_plugin(KIND_ENTRY_POINTS, point.name) for point in points}
    return {kind.name: kind for kind in KINDS} | plugins


def kinds_for_connection(kinds: Kinds, connection: Any) -> Kinds:
    """
    Return kinds without the verbs that the connected libvirt does not support.

    Changes that need such a verb take effect at the next start.
    """
    return {
        name: replace(kind, rules=for_version(kind.rules, connection.version)) for name, kind in kinds.items()
    }
