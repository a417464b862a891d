"""Render a plan as text for a terminal. Escape sequences in values are made visible."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum
from itertools import groupby

from kvmreconcile.model import Plan
from kvmreconcile.render.other_sources import not_considered
from kvmreconcile.render.summary import summary
from kvmreconcile.render.target import Target
from kvmreconcile.render.view import (
    Group,
    Line,
    held_groups,
    pending_lines,
    planned_groups,
    release,
    unchecked,
)
from kvmreconcile.system.printable import visible
from kvmreconcile.tree import Rules

FOLD = 24
"""Maximum number of lines for one object. Further lines are only counted."""
BUNDLE = 4
"""Minimum number of consecutive lines, equal except for numbers, that become one line."""
_NUMBER = re.compile(r"\d+")
WIDTH = 160
"""Maximum length of a value in characters."""


class Palette(Enum):
    """Whether signs are coloured."""

    PLAIN = "plain"
    ANSI = "ansi"

    def paint(self, text: str, sign: str) -> str:
        """Return a text in the colour of a sign such as "+"."""
        code = _CODES.get(sign) if self is Palette.ANSI else None
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


_CODES = {"+": "32", "-": "31", "~": "33", "!": "35", ">": "36", "#": "1", ".": "2"}
"""ANSI colour codes: green, red, yellow, magenta, cyan, bold, faint."""


def render_text(
    plan: Plan,
    rules: Mapping[str, Rules],
    palette: Palette = Palette.PLAIN,
    approve: str = "",
    target: Target | None = None,
) -> str:
    """
    Return a plan as text, with a summary at the end.

    Args:
        rules: The rules of each kind, which define what is secret and how elements are named.
        approve: The command that approves the plan; "" to leave it out.
        target: The host, instance and specs of the plan, for the first line; None for no such line.
    """
    blocks = [[str(target)]] if target else []
    blocks += [_group(g, approve, palette) for g in (*planned_groups(plan, rules), *held_groups(plan, rules))]
    for key, lines in pending_lines(plan, rules):
        head = palette.paint(f"… {visible(str(key))}: stored; takes effect at the next start", "~")
        blocks.append([head, *_folded(lines, palette)])
    text = "\n\n".join("\n".join(block) for block in blocks)
    return (f"{text}\n\n" if text else "") + "\n".join(_foot(plan, palette)) + "\n"


def _foot(plan: Plan, palette: Palette) -> Iterator[str]:
    if plan.lost:
        yield palette.paint(f"! {visible(plan.lost)}", "!")
    for line in not_considered(plan.elsewhere):
        yield palette.paint(line, ".")
    if plan.is_empty:
        yield palette.paint("Nothing to do", "#") + f": {summary(plan)}."
        return
    for line in unchecked(plan):
        yield palette.paint(line, ".")
    yield palette.paint(f"{summary(plan)}.", "#")
    yield palette.paint(f"Plan {visible(plan.digest)}", ".")


def _group(group: Group, approve: str, palette: Palette) -> list[str]:
    key, notes = group.name, [f"    note: {note}" for note in group.notes]
    if group.held is None:
        why = f": {group.reason.value}" if group.reason else ""
        cost = f" ({group.cost})" if group.cost and group.sign != "~" else ""
        head = palette.paint(f"{group.sign} {key}", group.sign) + f"  {group.verbs}{cost}{why}"
        return [head, *_folded(_lines(group), palette), *notes]
    detail = f" ({visible(group.held.detail)})" if group.held.detail else ""
    cost = f" ({group.cost})" if group.cost and group.removes else ""
    head = palette.paint(f"! {key}", "!") + f"  {group.verbs}{cost} held: {group.held.hold.value}{detail}"
    way = release(group.held, approve)
    return [head, *_folded(_lines(group), palette), *notes, *([f"    to release it: {way}"] if way else [])]


def _lines(group: Group) -> tuple[Line, ...]:
    """Return the lines of a group, without facts that its heading already contains."""
    if group.sign == "~" or not group.reason:
        return group.lines
    lines = tuple(line for line in group.lines if line.sign != ">")
    if group.held:
        return lines
    return tuple(_bundled(replace(line, effect=None, reason=None) for line in lines))


def _bundled(lines: Iterable[Line]) -> Iterator[Line]:
    """
    Yield the lines of a new object.

    Consecutive lines that differ only in numbers are combined.
    """
    for _, run in groupby(lines, lambda line: _NUMBER.sub("#", f"{line.path} {line.new}")):
        alike = list(run)
        if len(alike) < BUNDLE:
            yield from alike
        else:
            first, last = alike[0], alike[-1]
            path = f"{first.path} … {last.path.rpartition('/')[2]}"
            yield replace(first, path=path, new=f"{len(alike)} like {first.new}")


def _folded(lines: tuple[Line, ...], palette: Palette) -> Iterator[str]:
    few = lines if len(lines) <= FOLD + 1 else lines[:FOLD]
    for line in few:
        yield f"    {palette.paint(_line(line), line.sign)}{palette.paint(_cost(line), '.')}"
    if len(few) < len(lines):
        yield palette.paint(f"    … and {len(lines) - len(few)} more", ".")


def _line(line: Line) -> str:
    values = " → ".join(_cut(v) for v in (line.old, line.new) if v is not None)
    return f"{line.sign} {line.path}{'  ' if values else ''}{values}"


def _cost(line: Line) -> str:
    words = (str(line.effect) if line.effect else "", line.reason.name.lower() if line.reason else "")
    text = ", ".join(filter(None, words))
    return f"  ({text})" if text else ""


def _cut(value: str) -> str:
    return value if len(value) <= WIDTH else f"{value[: WIDTH - 1]}…"
