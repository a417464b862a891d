"""Convert history entries to rows of the table `history`, and back."""

import json
from collections.abc import Sequence
from typing import Any

from kvmreconcile.state.history import EntryKind, HistoryEntry
from kvmreconcile.state.rows import UNREADABLE, Row, key_or_none, read_key, read_moment, write_place


def write_entry(entry: HistoryEntry) -> Row:
    """Return the row of table `history` for an entry, without its number."""
    return (
        entry.at.isoformat(),
        entry.what.value,
        entry.run,
        entry.plan,
        entry.revision,
        entry.author,
        entry.who,
        *write_place(entry.key),
        entry.verb,
        entry.effect,
        entry.reason,
        json.dumps(entry.changes),
        entry.result,
        entry.took_s,
        entry.error,
        entry.steps,
        entry.held,
        entry.wrong,
        entry.owner,
    )


def read_entry(row: Sequence[Any]) -> HistoryEntry:
    """
    Return the entry of a row of table `history`.

    Raises:
        ValueError: The row cannot be read.
    """
    _number, at, what, run, plan, revision, author, who, kind, name, *rest = row
    verb, effect, reason, changes, result, took_s, error, steps, held, wrong, owner = rest
    try:
        return HistoryEntry(
            at=read_moment(at),
            what=EntryKind(what),
            run=run,
            plan=plan,
            revision=revision,
            author=author,
            who=who,
            key=key_or_none(read_key(kind, name)),
            verb=verb,
            effect=effect,
            reason=reason,
            changes=tuple(json.loads(changes)),
            result=result,
            took_s=took_s,
            error=error,
            steps=steps,
            held=held,
            wrong=wrong,
            owner=str(owner),
        )
    except UNREADABLE as failure:
        raise ValueError(f"a history entry cannot be read: {failure}") from failure
