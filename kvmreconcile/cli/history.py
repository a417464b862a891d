"""`kvmreconcile history`: show past passes, actions and orders (requests such as `approve`)."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated

import typer

from kvmreconcile.cli.history_view import history_json, history_text
from kvmreconcile.cli.options import Common
from kvmreconcile.cli.session import check_state, parse_keys, use_state
from kvmreconcile.cli.terminal import palette, say, show
from kvmreconcile.errors import OtherHost, Problem, SpecError
from kvmreconcile.schema.section import read_seconds
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.state import State


class HistoryOutput(Enum):
    """Output format of the history."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class HistoryOptions(Common):
    """Options of `history`."""

    key: Annotated[
        str | None,
        typer.Argument(metavar="KIND/NAME", help="Object, such as Domain/web1. Defaults to all objects."),
    ] = None
    number: Annotated[
        int, typer.Option("--number", "-n", min=1, metavar="N", help="Show only the newest N entries.")
    ] = 50
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help='Show only entries since this time: a duration before now, such as "2h" or "7d", or a local '
            'time, such as "2026-11-25" or "2026-11-25 14:00".',
        ),
    ] = None
    output: Annotated[HistoryOutput, typer.Option("--output", "-o", help="Output format.")] = (
        HistoryOutput.TEXT
    )


def history(options: HistoryOptions) -> int:
    """Show past passes, actions and orders (requests such as approve), newest last."""
    settings = options.settings()
    key = next(iter(parse_keys([options.key], document_kinds(known_kinds()))), None) if options.key else None
    since = _moment(options.since) if options.since else None
    with use_state(State.open_readonly(settings.state)) as state:
        newest_first = state.history(options.number, key, since)
        try:
            check_state(settings, state)
        except OtherHost as error:
            say(f"kvmreconcile: {error}")
    if options.output is HistoryOutput.JSON:
        show(history_json(newest_first[::-1]))
    elif newest_first:
        show(history_text(newest_first[::-1], palette(sys.stdout)))
    else:
        say("no matching entries in the history" if key or since else "the history is empty")
    return 0


def _moment(text: str) -> datetime:
    """
    Return the start time for a value of --since.

    Args:
        text: A duration, which is subtracted from the current time, or a time.

    Raises:
        SpecError: The text is neither a duration nor a time.
    """
    try:
        return datetime.now(UTC) - timedelta(seconds=read_seconds(text))
    except ValueError:
        pass
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        what, todo = (
            "not a valid duration or time",
            'write a duration such as "2h", or a time such as "2026-11-25 14:00"',
        )
        raise SpecError([Problem(f"--since {text}", what, todo)]) from None
