"""`kvmreconcile diff`: compare the actual and the proposed definition of an object."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import unified_diff
from typing import Annotated

import typer

from kvmreconcile.cli.hints import Hints
from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.session import check_known, parse_keys, read_specs, view_session
from kvmreconcile.cli.terminal import counted, palette, report_problems, say, show
from kvmreconcile.model import Key, Plan, Unknown, World
from kvmreconcile.plan import Overrides
from kvmreconcile.plan.secrets.paths import secret_paths
from kvmreconcile.render.values import fit_for_xml
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.system.printable import visible
from kvmreconcile.tree import Node, Rules, to_xml
from kvmreconcile.tree.variants import for_secrets

_NOT_COMPARED = "Not compared: fix the errors above first."


@dataclass(frozen=True, kw_only=True)
class DiffOptions(Common):
    """Options of `diff`."""

    key: Annotated[str, typer.Argument(metavar="KIND/NAME", help="Object to compare.")]
    paths: Paths = field(default_factory=list)


def diff(options: DiffOptions) -> int:
    """Show the differences between the actual and the proposed definition of an object."""
    settings, kinds = options.settings(), known_kinds()
    (key,) = parse_keys([options.key], kinds)
    specs = read_specs(options.paths, settings, kinds)
    # Errors in other documents do not concern this object, unless its spec may be among these documents.
    if key not in specs.desired:
        report_problems(specs.problems)
    elif specs.problems:
        others = counted(len(specs.problems), "error")
        say(f"{others} elsewhere in the specs; see: {Hints(settings, options.paths).validate()}")
    with view_session(settings, kinds) as session:
        world = session.observe(specs, datetime.now(UTC))
        check_known((key,), world)
        world, plan = session.plan_refreshed(world, Overrides(only=frozenset((key,))))
    report_problems(plan.problems)
    if plan.lost:
        say(plan.lost)
    rules = for_secrets(kinds[key.kind].rules, secret_paths(key, world))
    show("\n".join([*_lines(key, world, plan, rules), *_explain_no_changes(key, world, plan)]))
    return 1 if key in specs.frozen or plan.problems else 0


def _lines(key: Key, world: World, plan: Plan, rules: Rules) -> Iterator[str]:
    actual = world.observed.actual(key)
    old = actual.tree if actual else None
    actions = [a for a in (*plan.actions, *(h.action for h in plan.held)) if a.key == key]
    whole = [a.tree for a in actions if a.tree is not None and not a.steps]
    new = None if any(a.verb.removes for a in actions) else whole[-1] if whole else old
    colours = palette(sys.stdout)
    text = unified_diff(_xml(old, rules), _xml(new, rules), f"actual {key}", f"proposed {key}", lineterm="")
    yield from (colours.paint(visible(line), line[:1]) for line in text)
    verbs = ", ".join(dict.fromkeys(visible(a.verb.name) for a in plan.actions))
    if verbs:
        yield f"Planned: {verbs}."
    for held in plan.held:
        yield f"Held: {visible(held.action.verb.name)}: {held.hold.value}."


def _explain_no_changes(key: Key, world: World, plan: Plan) -> Iterator[str]:
    """Yield the reason why the plan is empty: there are no changes, or the object was not compared."""
    if not plan.is_empty:
        return
    actual, unobservable = world.observed.objects.get(key), world.observed.unobservable_part(key)
    is_compared = key in plan.in_sync or key in plan.records or key in plan.pending
    if key in world.frozen:
        yield _NOT_COMPARED
    elif isinstance(actual, Unknown):
        yield f"Not compared: {visible(actual.why)}"
    elif unobservable:
        yield f"Not compared: {visible(unobservable.why)}"
    elif plan.problems and key in world.desired and not is_compared:
        yield _NOT_COMPARED
    else:
        yield "No changes."


def _xml(tree: Node | None, rules: Rules) -> list[str]:
    return to_xml(fit_for_xml(tree, "", rules)).splitlines() if tree else []
