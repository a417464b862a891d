"""
Render a plan as a comment for a code review: a table of objects, and a folded diff for each object.

Values are escaped for Markdown and HTML.
"""

import re
from collections.abc import Iterator, Mapping

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

FOLD = 100
"""Maximum number of lines for one object. Forges limit the size of a comment."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>@:/<&])")


def render_markdown(
    plan: Plan, rules: Mapping[str, Rules], approve: str = "", target: Target | None = None
) -> str:
    """
    Return a plan as Markdown for code forges.

    Args:
        rules: The rules of each kind, which define what is secret and how elements are named.
        approve: The command that approves the plan; "" to leave it out.
        target: The host, instance and specs of the plan, for the first line; None for no such line.
    """
    groups = (*planned_groups(plan, rules), *held_groups(plan, rules))
    parts = [_escape(str(target))] if target else []
    parts += [f"**kvmreconcile:** {'nothing to do; ' if plan.is_empty else ''}{summary(plan)}."]
    if plan.lost:
        parts.append(f"**{_escape(plan.lost)}**")
    parts += map(_escape, (*not_considered(plan.elsewhere), *unchecked(plan)))
    parts += (f"**Warning:** {_escape(str(note))}" for note in plan.notes)
    if groups:
        rows = (
            f"| {_escape(g.name)} | {_what(g)} | {g.cost or 'removal'} | {_why(g, approve)} |" for g in groups
        )
        parts.append("\n".join(("| Object | Steps | Effect | Why |", "|---|---|---|---|", *rows)))
    parts.extend(_details(str(g.key), "held" if g.held else g.verbs, g.lines) for g in groups if g.lines)
    for key, lines in pending_lines(plan, rules):
        parts.append(_details(str(key), "stored; takes effect at the next start", lines))
    if plan.digest and not plan.is_empty:
        parts.append(f"Plan {_code(plan.digest)}")
    return "\n\n".join(parts) + "\n"


def _what(group: Group) -> str:
    return f"**held:** {_escape(group.verbs)}" if group.held else _escape(group.verbs)


def _why(group: Group, approve: str) -> str:
    notes = [_escape(note) for note in group.notes]
    if group.held is None:
        return "; ".join((group.reason.value if group.reason else "several reasons", *notes))
    detail = f" ({_escape(group.held.detail)})" if group.held.detail else ""
    way = release(group.held, approve)
    return "; ".join(
        (f"{group.held.hold.value}{detail}", *notes, *([f"to release it: {_escape(way)}"] if way else []))
    )


def _escape(text: str) -> str:
    """Return text escaped for Markdown and HTML, and so that a forge finds no mentions in it."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[1])};", visible(text))


def _code(text: str) -> str:
    return f"<code>{_escape(text)}</code>"


def _details(key: str, what: str, lines: tuple[Line, ...]) -> str:
    body = [text for line in lines[:FOLD] for text in _diff(line)]
    if len(lines) > FOLD:
        body.append(f"  … and {len(lines) - FOLD} more")
    longest = max((len(run) for text in body for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    head = f"<details><summary>{_escape(key)}: {_escape(what)}</summary>"
    return "\n".join((head, "", f"{fence}diff", *body, fence, "", "</details>"))


def _diff(line: Line) -> Iterator[str]:
    """Yield a change as lines of a diff. A forge colours each line by its first character."""
    cost = ", ".join(
        w for w in (str(line.effect or ""), line.reason.name.lower() if line.reason else "") if w
    )
    note = f"  # {cost}" if cost else ""
    if line.old is None and line.new is None:
        yield f"! {line.path}{note}"
    if line.old is not None:
        yield f"- {line.path}  {line.old}" + ("" if line.new is not None else note)
    if line.new is not None:
        yield f"+ {line.path}  {line.new}{note}"
