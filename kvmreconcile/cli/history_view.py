"""
Render the history as text and as JSON.

The JSON form is stable: within a schema version, fields may be added, but no field changes.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from kvmreconcile.render import Palette
from kvmreconcile.state import HistoryEntry
from kvmreconcile.state.history import EntryKind
from kvmreconcile.system.printable import visible

SCHEMA = "kvmreconcile/history/1"
_COMMIT = 12
"""Number of digits of a commit's hash in the text."""
_SIGNS = {"done": "+", "failed": "-", "skipped": "~"}


def history_json(entries: Sequence[HistoryEntry]) -> str:
    """Return history entries as a JSON document."""
    document = {"schema": SCHEMA, "entries": [_fields(entry) for entry in entries]}
    return json.dumps(document, indent=2) + "\n"


def _fields(entry: HistoryEntry) -> dict[str, object]:
    """Return the fields of an entry, without empty fields."""
    fields: dict[str, object] = {
        "at": entry.at.isoformat(),
        "what": entry.what.value,
        "run": entry.run,
        "plan": entry.plan,
        "commit": entry.revision,
        "author": entry.author,
        "who": entry.who,
        "key": str(entry.key) if entry.key else "",
        "owner": entry.owner,
        "verb": entry.verb,
        "effect": entry.effect,
        "reason": entry.reason,
        "paths": list(entry.changes),
        "result": entry.result,
        "tookSeconds": round(entry.took_s, 3),
        "error": entry.error,
    }
    numbers = {"steps": entry.steps, "held": entry.held, "wrong": entry.wrong}
    is_counted = entry.what in (EntryKind.PLANNED, EntryKind.ENDED)
    return {name: value for name, value in fields.items() if value} | (numbers if is_counted else {})


def history_text(entries: Sequence[HistoryEntry], colours: Palette) -> str:
    """Return history entries as lines of text, grouped by day, in local time."""
    lines: list[str] = []
    for day, group in groupby(entries, key=lambda e: e.at.astimezone().date()):
        lines += [colours.paint(f"{day:%a %Y-%m-%d}", "#")]
        for entry in group:
            first, *rest = _lines(entry, colours)
            lines += [f"{entry.at.astimezone():%H:%M:%S}  {first}", *(f"{'':10}{line}" for line in rest)]
    return "\n".join(lines)


def _lines(entry: HistoryEntry, colours: Palette) -> Iterator[str]:
    match entry.what:
        case EntryKind.PLANNED:
            yield from _planned(entry)
        case EntryKind.STEP:
            yield from _step(entry, colours)
        case EntryKind.HELD:
            detail = f" ({visible(entry.error)})" if entry.error else ""
            yield f"  {colours.paint('held   ', '!')} {_what(entry)}: {entry.reason}{detail}"
            yield from _paths(entry)
        case EntryKind.ENDED:
            failed = f", {entry.wrong} failed" if entry.wrong else ""
            done = _counted(entry.steps, "action")
            yield f"{_name(entry)} ended: {done} done{failed} ({entry.took_s:.2f} s)"
        case EntryKind.BROKEN:
            # An entry that belongs to no pass reports that entries are missing, or that the database was created again.
            name = f"pass {entry.run} aborted" if entry.run else "note"
            yield f"{colours.paint(name, '-')}: {visible(entry.error)}"
        case EntryKind.ORDER | EntryKind.REFUSED:
            yield from _order(entry, colours)


def _planned(entry: HistoryEntry) -> Iterator[str]:
    counts = (
        f"{_counted(entry.steps, 'action')} planned" if entry.steps else "",
        f"{entry.held} held" if entry.held else "",
        f"{_counted(entry.wrong, 'problem')} in specs or state" if entry.wrong else "",
    )
    summary = ", ".join(filter(None, counts)) or "nothing to do now"
    why = f" ({visible(entry.reason)})" if entry.reason else ""
    by = f" by {visible(entry.who)}" if entry.who else ""
    yield f"{_name(entry)}{by}{why}: {summary}; plan {entry.plan}"
    if entry.revision:
        author = f" by {visible(entry.author)}" if entry.author else ""
        yield f"  commit {visible(entry.revision[:_COMMIT])}{author}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _name(entry: HistoryEntry) -> str:
    return f"{'pass' if entry.verb == 'run' else visible(entry.verb)} {visible(entry.run)}"


def _step(entry: HistoryEntry, colours: Palette) -> Iterator[str]:
    word = "FAILED" if entry.result == "failed" else entry.result
    took = f" ({entry.took_s:.2f} s)" if entry.result != "skipped" else ""
    by = f" by {visible(entry.who)}" if entry.who else ""
    why = f": {visible(entry.reason)}" if entry.reason else ""
    yield f"  {colours.paint(f'{word:7}', _SIGNS.get(entry.result, '.'))} {_what(entry)}{took}{by}{why}"
    if entry.error:
        yield f"          {visible('; '.join(filter(None, entry.error.splitlines())))}"
    yield from _paths(entry)


def _what(entry: HistoryEntry) -> str:
    of = f" of {entry.owner}" if entry.owner else ""
    return visible(f"{entry.verb} {entry.key}{of}")


def _paths(entry: HistoryEntry) -> Iterator[str]:
    shown = 8
    if entry.changes:
        more = f" … and {len(entry.changes) - shown} more" if len(entry.changes) > shown else ""
        yield f"          {', '.join(map(visible, entry.changes[:shown]))}{more}"


def _order(entry: HistoryEntry, colours: Palette) -> Iterator[str]:
    all_of_it = "the state" if entry.verb == "accept" else "everything"
    about = str(entry.key) if entry.key else entry.plan or all_of_it
    why = f": {visible(entry.reason)}" if entry.reason else ""
    refused = colours.paint("refused: ", "-") if entry.what is EntryKind.REFUSED else ""
    yield f"{refused}{visible(entry.verb)} {visible(about)} by {visible(entry.who or 'an unknown user')}{why}"
