"""Convert stored edits to rows of the table `edits` and back."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from kvmreconcile.model import Key, Refusal, StoredEdit
from kvmreconcile.state.rows import UNREADABLE, Row, read_key, read_moment, read_tree, write_place, write_tree
from kvmreconcile.tree import Change, Node


def write_edit(key: Key, edit: StoredEdit) -> Row:
    """Return the row of table `edits` for a stored edit."""
    refused = [
        [r.parts, r.within, r.why, r.tries, r.until.isoformat() if r.until else None] for r in edit.refused
    ]
    changes, filled = _write_changes(edit.changes), _write_changes(edit.filled)
    return (*write_place(key), edit.edit, changes, filled, json.dumps(refused), edit.software)


def read_edit(row: Sequence[Any]) -> tuple[Key, StoredEdit]:
    """
    Return the object and the stored edit of a row of table `edits`.

    Raises:
        ValueError: The row cannot be read.
    """
    kind, name, edit, changes, filled, refused, software = row
    try:
        return read_key(kind, name), StoredEdit(
            edit,
            tuple(_change(*values) for values in json.loads(changes)),
            tuple(_change(*values) for values in json.loads(filled)),
            tuple(_refusal(*values) for values in json.loads(refused)),
            software,
        )
    except UNREADABLE as error:
        raise ValueError(f"the record of {kind}/{name} in table edits cannot be read: {error}") from error


def _change(steps: list[str], rule: str, old: Any, new: Any) -> Change:
    return Change(tuple(steps), rule, _read(old), _read(new))


def _refusal(parts: list[list[str]], within: list[str], why: str, tries: int, until: str | None) -> Refusal:
    moment = read_moment(until) if until else None
    return Refusal(tuple(map(tuple, parts)), tuple(within), why, tries, moment)


def _write_changes(changes: Iterable[Change]) -> str:
    return json.dumps([[c.steps, c.rule, _write(c.old), _write(c.new)] for c in changes])


def _write(value: Node | str | None) -> dict[str, str] | None:
    if value is None:
        return None
    return {"tree": write_tree(value)} if isinstance(value, Node) else {"text": value}


def _read(value: Any) -> Node | str | None:
    if value is None:
        return None
    return read_tree(value["tree"]) if "tree" in value else str(value["text"])
