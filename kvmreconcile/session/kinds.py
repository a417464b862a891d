"""Find the kinds of objects in this package and in installed plugins."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from kvmreconcile.execute.plugins import load_plugin
from kvmreconcile.host.endpoint import Down
from kvmreconcile.kinds import EXPANDERS, KINDS
from kvmreconcile.kinds.expander import Expander
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.source.parsed_file import DocumentKinds
from kvmreconcile.tree.variants import for_version

Kinds = Mapping[str, Kind]
Expanders = Mapping[str, Expander]
EXPANDER_ENTRY_POINTS = "kvmreconcile.expanders"
"""Entry-point group in which other packages register kinds of documents that generate others, each under its name."""
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


def known_expanders() -> Expanders:
    """
    Return every kind of documents that generate others: our own, then those of other installed packages.

    Raises:
        SpecError: A package's kind cannot be loaded.
    """
    points = entry_points(group=EXPANDER_ENTRY_POINTS)
    plugins: dict[str, Expander] = {p.name: load_plugin(EXPANDER_ENTRY_POINTS, p.name) for p in points}
    return {expander.name: expander for expander in EXPANDERS} | plugins


def document_kinds(kinds: Kinds) -> DocumentKinds:
    """Return the kinds that documents can have: kinds of objects, and kinds that generate others."""
    return {**kinds, **known_expanders()}


def kinds_for_connection(kinds: Kinds, connection: Any) -> Kinds:
    """
    Return kinds without the verbs that the connected libvirt does not support.

    Changes that need such a verb take effect at the next start.
    """
    if isinstance(connection, Down):
        return kinds
    return {
        name: replace(kind, rules=for_version(kind.rules, connection.version)) for name, kind in kinds.items()
    }
