"""Convert values to rows of the database and back."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from typing import Any

from kvmreconcile.model import (
    LATEST,
    Applied,
    Key,
    Leftover,
    Probation,
    Reason,
    RememberedPending,
    Settled,
    StartedStep,
    Suspension,
)
from kvmreconcile.model.commands import quote
from kvmreconcile.tree import Node

Column = str | int | float | None
Row = Sequence[Column]


def write_applied(applied: Applied) -> Row:
    """Return the row of table `applied` for an object."""
    return (
        applied.key.kind,
        applied.key.name,
        applied.uuid,
        applied.instance,
        write_tree(applied.tree),
        applied.digest,
        applied.complete,
        json.dumps([astuple(s) for s in applied.settled]),
        applied.runtime_id,
        json.dumps([astuple(u) for u in applied.pending]),
        applied.protect,
        applied.left,
        json.dumps(sorted(rest.value for rest in applied.removal)),
        json.dumps(applied.secrets),
        f"{applied.begun.reason} {applied.begun.digest}" if applied.begun else "",
        applied.sealed,
    )


def read_applied(row: Sequence[Any]) -> Applied:
    """
    Return the object's last applied values from a row of table `applied`.

    Raises:
        ValueError: The row cannot be read.
    """
    kind, name, uuid, instance, tree, digest, complete, settled, runtime_id, pending, *last = row
    protect, left, removal, secrets, begun, sealed = last
    try:
        return Applied(
            key=read_key(kind, name),
            uuid=uuid,
            instance=instance,
            tree=read_tree(tree),
            digest=digest,
            complete=bool(complete),
            settled=tuple(Settled(*s) for s in json.loads(settled)),
            runtime_id=runtime_id,
            pending=tuple(RememberedPending(tuple(steps), *rest) for steps, *rest in json.loads(pending)),
            protect=bool(protect),
            left=bool(left),
            removal=frozenset(Leftover(word) for word in json.loads(removal)),
            secrets=tuple(json.loads(secrets)),
            begun=_read_begun(begun) if begun else None,
            sealed=sealed,
        )
    except UNREADABLE as error:
        raise ValueError(f"the record of {kind}/{name} in table applied cannot be read: {error}") from error


def _read_begun(text: str) -> StartedStep:
    reason, named = text.split(" ")
    return StartedStep(Reason[reason].name, named)


UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)
"""Exceptions that are raised for rows with invalid content."""
_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_ALL = Key("", "")
"""The key in rows that stands for all objects or no object."""


def write_place(key: Key | None) -> Row:
    """Return the columns kind and name for an object; None stands for all objects or no object."""
    return ((key or _ALL).kind, (key or _ALL).name)


def key_or_none(key: Key) -> Key | None:
    """Return the key in a row; None if the row is about all objects or no object."""
    return None if key == _ALL else key


def write_suspension(key: Key | None, suspension: Suspension) -> Row:
    """Return the row of table `suspended` for a suspension; the key None stands for all objects."""
    until = suspension.until.isoformat() if suspension.until else None
    return (*write_place(key), suspension.since.isoformat(), until, suspension.why, suspension.who)


def read_suspension(row: Sequence[Any]) -> tuple[Key | None, Suspension]:
    """
    Return the object (None for all objects) and the suspension of a row of table `suspended`.

    Raises:
        ValueError: The row cannot be read.
    """
    kind, name, since, until, why, who = row
    try:
        key, begin, end = read_key(kind, name), read_moment(since), read_moment(until) if until else None
    except UNREADABLE as error:
        what = f"{kind}/{name}" if kind or name else "everything"
        which = quote(what) if kind or name else "--all"
        todo = f"run kvmreconcile resume {which}, then suspend it again"
        raise ValueError(f"the suspension of {what} cannot be read: {error}; {todo}") from error
    return key_or_none(key), Suspension(begin, end, why, who)


def write_probation(key: Key, probation: Probation) -> Row:
    """Return the row of table `trials` for a probation."""
    tree = write_tree(probation.tree)
    return (*write_place(key), probation.edit, tree, probation.autostart, probation.failed)


def read_probation(row: Sequence[Any]) -> tuple[Key, Probation]:
    """
    Return the object and the probation of a row of table `trials`.

    Raises:
        ValueError: The row cannot be read.
    """
    kind, name, edit, tree, autostart, failed = row
    try:
        return read_key(kind, name), Probation(
            edit, read_tree(tree), None if autostart is None else bool(autostart), failed
        )
    except UNREADABLE as error:
        raise ValueError(f"the record of {kind}/{name} in table trials cannot be read: {error}") from error


def write_tree(tree: Node) -> str:
    """Return a tree as JSON. XML would lose markers of absence."""
    return json.dumps(_to_list(tree), separators=(",", ":"))


def read_tree(text: str) -> Node:
    """
    Return the tree that `write_tree` wrote.

    Raises:
        ValueError: The text is not JSON, or not a tree.
        TypeError: The text is not a tree.
        RecursionError: The tree is nested too deeply.
    """
    return _from_list(json.loads(text))


def read_key(kind: object, name: object) -> Key:
    """
    Return the key in a row.

    Raises:
        ValueError: The kind or the name is not text.
    """
    if not isinstance(kind, str) or not isinstance(name, str):
        raise ValueError("kind or name is not text")  # noqa: TRY004  callers handle one type for invalid rows
    return Key(kind, name)


def read_moment(text: str) -> datetime:
    """
    Return a time with its zone.

    A time that has no valid date in some time zone is replaced by the nearest time that has.

    Raises:
        ValueError: The text is not a time with a zone.
        TypeError: The value is not text.
        OverflowError: The time is out of range.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a timestamp has no time zone")
    return min(moment, LATEST) if moment.astimezone(UTC) > _EARLIEST else _EARLIEST


def _to_list(node: Node) -> list[Any]:
    return [node.tag, node.attrs, node.text, [_to_list(child) for child in node.children], node.prefix]


def _from_list(nested: list[Any]) -> Node:
    tag, attrs, text, children, prefix = nested
    if not (isinstance(tag, str) and isinstance(text, str)):
        raise TypeError("the name or content of an element is not text")
    return Node(tag, tuple((k, v) for k, v in attrs), text, tuple(map(_from_list, children)), prefix)
