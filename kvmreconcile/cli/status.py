"""`kvmreconcile status`: show the status of the daemon."""

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any
from urllib.parse import quote

import typer

from kvmreconcile.cli.options import Common
from kvmreconcile.cli.session import parse_keys
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import palette, say, show
from kvmreconcile.control.client import Client
from kvmreconcile.errors import NoDaemon, Problem
from kvmreconcile.render.other_sources import not_considered
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.status.condition import Condition
from kvmreconcile.system.printable import visible

NOT_CONVERGED = 3
"""Exit status if an object is not converged."""
_POLL_S = 1.0
_SIGNS = {
    Condition.FAILED.value: "-",
    Condition.UNKNOWN.value: "-",
    Condition.UNREADY.value: "-",
    Condition.HELD.value: "!",
    Condition.SUSPENDED.value: "!",
    Condition.CHANGING.value: "~",
    Condition.PENDING.value: "~",
    Condition.READY.value: "+",
}
"""The sign whose colour in a plan is used for each condition."""

Json = Mapping[str, Any]


class StatusFormat(Enum):
    """Output format of the status."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class StatusOptions(Common):
    """Options of `status`."""

    key: Annotated[
        str | None,
        typer.Argument(metavar="KIND/NAME", help="Object. Defaults to the daemon and all objects."),
    ] = None
    output: Annotated[StatusFormat, typer.Option("--output", "-o", help="Output format.")] = StatusFormat.TEXT
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show the status again whenever it changes.")
    ] = False


def status(options: StatusOptions) -> int:
    """Show the daemon's status and the condition of each object."""
    interruption.remark = ""
    client, path = Client(options.settings()), "/v1/status"
    if options.key:
        (key,) = parse_keys([options.key], known_kinds())
        path = f"/v1/objects/{key.kind}/{quote(key.name)}"
    if not options.watch:
        return _show_status(client.get(path), options)
    before: tuple[Json | None, str] = (None, "")
    while True:
        try:
            found = client.get(path)
        except NoDaemon as error:
            if before[1] != (wrong := str(error)):
                say(wrong)
            before = (None, wrong)
        else:
            if before[0] != found:
                _show_status(found, options)
            before = (found, "")
        time.sleep(_POLL_S)


def _show_status(found: Json, options: StatusOptions) -> int:
    if options.output is StatusFormat.JSON:
        # With --watch, one document per line, which a program can read as a stream.
        show(json.dumps(found, indent=None if options.watch else 2))
    elif options.key:
        show("\n".join(_object(found)))
    else:
        show(
            "\n".join((*_daemon(found), "", *_table(found["objects"]), *_problems(found), *_approval(found)))
        )
    is_converged = found["condition"] == Condition.READY.value if options.key else found["converged"]
    return 0 if is_converged else NOT_CONVERGED


def _daemon(found: Json) -> Iterator[str]:
    link, revision, last, paused = (found[name] for name in ("libvirt", "revision", "pass", "paused"))
    yield f"{found['instance']} on {found['host']}, version {found['version']}, up {_ago(found['started'])}"
    if found["connected"]:
        host = f"host UUID {link['hostUuid'] or 'unknown'}"
        yield f"libvirt   {visible(link['uri'])}, connected for {_ago(link['since'])}, {host}"
    else:
        lasts = f" (for at least {_ago(link['since'])})" if link else ""
        why = f"unreachable: {link['why']}{lasts}" if link else "not connected yet"
        yield f"libvirt   {visible(why)}"
    if revision and revision["commit"]:
        yield f"revision  {revision['commit'][:12]}, used by this daemon for {_ago(revision['since'])}"
    if last:
        yield f"pass      {_ago(last['at'])} ago, planned in {last['tookSeconds']:.2f} s"
        yield f"plan      {found['plan']}"
    if found["broken"]:
        yield f"aborted   last pass: {visible(found['broken'])}"
    if found["stateLost"]:
        yield f"state     {visible(found['stateLost'])}"
    if paused:
        until = f" until {_local(paused['until'])}" if paused["until"] else ""
        at = "" if found["connected"] else ", as of the last pass"
        why = f": {visible(paused['why'])}" if paused["why"] else ""
        yield f"paused    by {visible(paused['who'])}{until}{at}{why}"


def _table(objects: Sequence[Json]) -> Iterator[str]:
    colours = palette(sys.stdout)
    wide = max((len(visible(o["key"])) for o in objects), default=0)
    for each in objects:
        word = colours.paint(f"{each['condition']:<9}", _SIGNS.get(each["condition"], "!"))
        yield f"{visible(each['key']):<{wide}}  {word}  {_ago(each['since']):>6}  {_summary(each)}".rstrip()
    counts: dict[str, int] = {}
    for each in objects:
        counts[each["condition"]] = counts.get(each["condition"], 0) + 1
    yield ""
    yield ", ".join(f"{count} {word.lower()}" for word, count in sorted(counts.items())) or "no objects"


def _summary(each: Json) -> str:
    # The reason of a suspension contains the time when it ends.
    is_shown = each["condition"] == Condition.SUSPENDED.value
    words = [f"{_until(each)} {_local(each['until'])}"] if each["until"] and not is_shown else []
    words += [", ".join(each["verbs"])] if each["condition"] == Condition.CHANGING.value else []
    words += [f"takes effect at the next start: {', '.join(each['pending'])}"] if each["pending"] else []
    # The reason is last, so that a command at its end can be copied.
    return visible("; ".join(filter(None, (*words, each["why"]))))


def _until(each: Json) -> str:
    """Return the label for the time when an object's condition ends."""
    return "next retry" if each["condition"] == Condition.FAILED.value else "until"


def _object(each: Json) -> Iterator[str]:
    yield f"{visible(each['key'])}  {each['condition']}, for at least {_ago(each['since'])}"
    until = _local(each["until"]) if each["until"] else ""
    rows = (
        ("why", each["why"]),
        ("steps", ", ".join(each["verbs"])),
        ("pending", ", ".join(each["pending"])),
        ("release", each["release"]),
        (_until(each), until),
        ("spec", each["source"]),
    )
    yield from (f"  {name:<8} {visible(text)}" for name, text in rows if text)


def _problems(found: Json) -> Iterator[str]:
    yield from (visible(_problem_line(problem)) for problem in found["problems"])
    # Daemons of earlier versions send no notes.
    yield from (visible(f"warning: {_problem_line(note)}") for note in found.get("notes", ()))
    for each in found["hidden"]:
        yield visible(f"{each['prefix']}*: cannot be observed: {each['why']}")
    # Daemons of earlier versions do not send this field.
    others = {each["source"]: each["objects"] for each in found.get("notConsidered", ())}
    yield from not_considered(others)


def _problem_line(problem: Json) -> str:
    return str(Problem(problem["where"], problem["what"], problem["todo"]))


def _approval(found: Json) -> Iterator[str]:
    """Yield the command that approves the held actions. Daemons of earlier versions do not send it."""
    if command := found.get("approve"):
        yield f"to approve the held actions: {visible(command)}"


def _ago(moment: str) -> str:
    """Return how long ago a time in ISO 8601 format was, rounded down."""
    return length((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())


def length(passed_s: float) -> str:
    """Return a duration as "59s", "59m", "1h31m" or "1d12h", rounded down."""
    minutes, seconds = divmod(max(0, int(passed_s)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours}h" if hours else f"{days}d"
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    return f"{minutes}m" if minutes else f"{seconds}s"


def _local(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"
