"""
Define the rules with which the engine merges, compares and changes the XML of a kind.

A kind is data: every special case is a row in its rules, not a branch in the engine. A path consists of
tags ("devices/disk/driver/@cache"); `*` in the path of a row matches one tag.
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
    The rules of one kind, as tables by path.

    Attributes:
        members: Identity and ownership of list members. Elements without a row are identified by their
            position.
        scalars: The canonical spelling of a text ("memory") or an attribute ("@x").
        measures: Elements with a size that consists of a value and a unit.
        implied: Values that libvirt omits because their absence means the same. A row is the value, or a
            function that returns the value for a desired element.
        resets: Derived values that become stale with a change.
        ignored: Values that libvirt reports but that are neither changed nor shown as a change.
        at_creation: Values that are used when an element is created, and never compared later.
        containers: Elements that only contain other elements; changes are shown for the content.
        whole: Elements that are removed with all their content when they are dropped from the spec.
        required: Values that an object must have; they are kept when they are dropped from the spec.
        automatic: Desired values that make libvirt choose the actual value at start.
        live_ignored: Values that always differ in running definitions, so that a difference is not
            pending.
        invisible: Values that only kvmreconcile uses. Running definitions never contain them, so that a
            difference is not pending. At adoption, they are written together with the ownership mark.
        rebooting: Settings that make a reboot power off a running object instead of restarting it.
        secrets: Values that are never shown.
        copies: Paths at which libvirt repeats the value of another path; a secret is secret there, too.
        refs: References to other objects.
        identities: Resources that only one object may use.
        parts: Parts that a running object must not lose because of a truncated spec file, such as devices
            and addresses.
        actions: How changes are applied to a running object.
        unsupported: Settings that libvirt does not support.
        creation_defaults: Defaults for values that the spec of a new object ("") or member does not set;
            never compared later.
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
        Return the rules of an element as rules of an object that contains the element at `prefix`.

        The prefix is added to the paths of all rows, and to paths inside rows that are not relative to the
        path of the row: `Update.at` ("." is the element itself), `Update.after`, `Invisible.at` and copies.
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
        """Return whether an existing value at a path is kept, whatever the spec says."""
        return path in self.ignored or path in self.at_creation

    def is_secret(self, path: str) -> bool:
        """Return whether the value at a path, or at one of its parents, is secret."""
        return is_within(self.secrets, path)

    def is_implied(self, path: str, value: str, element: Node) -> bool:
        """Return whether omitting a value of a desired element means the same as writing it."""
        row = self.implied.get(path)
        return value == (row(element) if callable(row) else row)

    def creation_default(self, path: str, new: Node) -> Node:
        """Return the defaults of a new element, from the first row with conditions that the element meets."""
        for row in self.creation_defaults.get(path) or ():
            if all(new.get(where) == value for where, value in row.when):
                return row.tree
        return Node(new.tag)


def _below(row: Any, whole: Callable[[str], str]) -> Any:
    """Return one or several rows of an element with their paths converted to paths of the object."""
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
    """Yield names that identify a list member for users, best first."""
    for key in members.keys if members else ():
        values = [node.get(path) for path in key]
        if all(v is not None for v in values):
            yield ":".join(str(v).removeprefix("ua-") for v in values)
