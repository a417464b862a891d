"""Render the status of the daemon and of objects as text, from the JSON form of the status."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from kvmreconcile.cli.terminal import counted, palette
from kvmreconcile.errors import Problem
from kvmreconcile.render.other_sources import not_considered
from kvmreconcile.status.condition import Condition
from kvmreconcile.system.printable import visible

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
"""Colour of each condition, by the sign that has it in a plan."""

Json = Mapping[str, Any]


def daemon_lines(found: Json) -> Iterator[str]:
    """Yield what the status says about the daemon itself."""
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


def object_table(objects: Sequence[Json]) -> Iterator[str]:
    """Yield a row for each object, objects of one owner together, and the numbers of objects by condition."""
    wide = max((len(visible(o["key"])) + (2 if o.get("owner") else 0) for o in objects), default=0)
    own = [each for each in objects if not each.get("owner")]
    yield from (_row(each, wide) for each in own)
    for owner, group in groupby(sorted(objects, key=owner_of), key=owner_of):
        members = [each for each in group if owner]
        if members:
            ready = sum(each["condition"] == Condition.READY.value for each in members)
            yield f"{visible(owner):<{wide}}  {ready} of {len(members)} objects ready"
            yield from (_row(each, wide, indent=2) for each in members)
    counts: dict[str, int] = {}
    for each in objects:
        counts[each["condition"]] = counts.get(each["condition"], 0) + 1
    yield ""
    yield ", ".join(f"{count} {word.lower()}" for word, count in sorted(counts.items())) or "no objects"


def placement_lines(found: Json) -> Iterator[str]:
    """Yield how many objects are placed on other hosts; a daemon of an earlier version does not send it."""
    if count := found.get("placedElsewhere"):
        yield f"{counted(count, 'object')} on other hosts"


def owner_of(each: Json) -> str:
    """Return the document that generates an object, "" for none; a daemon of an earlier version does not send it."""
    return str(each.get("owner", ""))


def _row(each: Json, wide: int, indent: int = 0) -> str:
    word = palette(sys.stdout).paint(f"{each['condition']:<9}", _SIGNS.get(each["condition"], "!"))
    name = f"{'':{indent}}{visible(each['key'])}"
    return f"{name:<{wide}}  {word}  {_ago(each['since']):>6}  {_summary(each)}".rstrip()


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


def object_lines(each: Json) -> Iterator[str]:
    """Yield the status of one object."""
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


def problem_lines(found: Json) -> Iterator[str]:
    """Yield the problems, the warnings and what cannot be observed."""
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


def approval_lines(found: Json) -> Iterator[str]:
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
