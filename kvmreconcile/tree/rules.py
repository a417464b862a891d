"""
Define the rules by which one engine merges, compares and changes the XML of every kind.

A kind is data: every special case is a row of its rules, never a branch in the engine. A path is made of tags
("devices/disk/driver/@cache"); `*` in a row matches one tag.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from kvmreconcile.tree.node import Node
from kvmreconcile.tree.rows import (
    Automatic,
    CreationDefaults,
    Identity,
    Invisible,
    Members,
    Ref,
    Reset,
    UnsupportedSetting,
    Update,
)
from kvmreconcile.tree.scalars import Measure, Scalar
from kvmreconcile.tree.table import Table, is_within, paths


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """
    All that the engine needs to know of one kind.

    Attributes:
        members: Identity and ownership of repeated elements. Elements without a row are identified by their position.
        scalars: The canonical spelling of a text ("memory") or an attribute ("@x").
        measures: Elements whose value and unit are one size.
        implied: Values that libvirt does not write, because leaving them out means the same; a function returns the
            value for the desired element.
        resets: Values that a change makes stale.
        ignored: Values that libvirt reports, and that are neither desired nor shown as a change.
        at_creation: Values that apply when an element is created, and are never compared later.
        containers: Elements that only hold others; changes are shown for their content.
        whole: Elements that are removed as a whole when they are dropped from the spec.
        required: Values that an object must have, and that stay when they are dropped from the spec.
        automatic: Desired values that mean "chosen at the start", by the element that they are in.
        live_ignored: Values that differ in running definitions, so that a difference is not pending.
        invisible: Values that are stored for our own use and that running definitions never show, so that a difference
            is not pending. An object is adopted with them.
        rebooting: Settings by which a running object is powered off at a reboot, in place of being started again.
        secrets: Values that are never shown.
        copies: Paths at which libvirt writes the value of a path again; it is secret there, too.
        refs: References to other objects.
        identities: Resources that an element claims for its object.
        parts: Parts that a running object must not lose by a truncated file: its devices, the addresses it assigns.
        actions: How a change reaches a running object.
        unsupported: Settings that this libvirt does not support.
        creation_defaults: Defaults of a new object ("") or member that the spec does not set; never compared later.
    """

    members: Table[Members] = field(default_factory=lambda: Table({}))
    scalars: Table[Scalar] = field(default_factory=lambda: Table({}))
    measures: Table[Measure] = field(default_factory=lambda: Table({}))
    implied: Table[str | Callable[[Node], str]] = field(default_factory=lambda: Table({}))
    resets: Table[tuple[Reset, ...]] = field(default_factory=lambda: Table({}))
    ignored: Table[bool] = field(default_factory=paths)
    at_creation: Table[bool] = field(default_factory=paths)
    containers: Table[bool] = field(default_factory=paths)
    whole: Table[bool] = field(default_factory=paths)
    required: Table[bool] = field(default_factory=paths)
    automatic: Table[tuple[Automatic, ...]] = field(default_factory=lambda: Table({}))
    live_ignored: Table[bool] = field(default_factory=paths)
    invisible: Table[Invisible] = field(default_factory=lambda: Table({}))
    rebooting: Table[str] = field(default_factory=lambda: Table({}))
    secrets: Table[bool] = field(default_factory=paths)
    copies: Table[str] = field(default_factory=lambda: Table({}))
    refs: Table[tuple[Ref, ...]] = field(default_factory=lambda: Table({}))
    identities: Table[tuple[Identity, ...]] = field(default_factory=lambda: Table({}))
    parts: Table[bool] = field(default_factory=paths)
    actions: Table[tuple[Update, ...]] = field(default_factory=lambda: Table({}))
    unsupported: Table[tuple[UnsupportedSetting, ...]] = field(default_factory=lambda: Table({}))
    creation_defaults: Table[tuple[CreationDefaults, ...]] = field(default_factory=lambda: Table({}))

    def below(self, prefix: str) -> "Rules":
        """
        Return the rules of an element as rules of the object that has it at this path.

        All paths of rows become the object's, and those in them that are not relative to their row: the `at` ("." is
        the element itself) and `after` of an action, a copy, and where members are invisible.
        """

        def whole(path: str) -> str:
            return f"{prefix}/{path}" if path not in ("", ".") else prefix

        rules = {
            table.name: Table(
                {whole(path): _below(row, whole) for path, row in getattr(self, table.name).rows}
            )
            for table in fields(self)
        }
        copies = Table({whole(path): whole(copy) for path, copy in self.copies.rows})
        return Rules(**rules | {"copies": copies})

    def is_left_alone(self, path: str) -> bool:
        """Return whether an existing value at a path stays as it is, whatever the spec says."""
        return path in self.ignored or path in self.at_creation

    def is_secret(self, path: str) -> bool:
        """Return whether the value at a path, or of one of its parents, is secret."""
        return is_within(self.secrets, path)

    def is_implied(self, path: str, value: str, element: Node) -> bool:
        """Return whether leaving a value of a desired element out means the same as writing it."""
        row = self.implied.get(path)
        return value == (row(element) if callable(row) else row)

    def creation_default(self, path: str, new: Node) -> Node:
        """Return the defaults of a new element: the first row whose conditions its spec meets."""
        for row in self.creation_defaults.get(path) or ():
            if all(new.get(where) == value for where, value in row.when):
                return row.tree
        return Node(new.tag)


def _below(row: Any, whole: Callable[[str], str]) -> Any:
    """Return a row, or several, with the paths of an element as paths of the object that has it."""
    match row:
        case tuple():
            return tuple(_below(each, whole) for each in row)
        case Update():
            at, after = (whole(path) if path else "" for path in (row.at, row.after))
            return replace(row, at=at, after=after)
        case Invisible():
            return replace(row, at=whole(row.at))
    return row


def labels(node: Node, members: Members | None) -> Iterator[str]:
    """Yield the names that identify an element among those of its tag for users, best first."""
    for key in members.keys if members else ():
        values = [node.get(path) for path in key]
        if all(v is not None for v in values):
            yield ":".join(str(v).removeprefix("ua-") for v in values)
