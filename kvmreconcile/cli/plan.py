"""`kvmreconcile plan`: show what `apply` would change, without changing anything."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated

import typer

from kvmreconcile.cli.hints import Hints
from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.session import (
    parse_keys,
    pruned_as,
    read_origin,
    rules_by_kind,
    select,
    target_of,
    view_session,
)
from kvmreconcile.cli.terminal import palette, report_problems, show, warn
from kvmreconcile.errors import Unavailable
from kvmreconcile.model import Plan, Prune, World
from kvmreconcile.plan import Overrides
from kvmreconcile.render import Target, render_json, render_markdown, render_text
from kvmreconcile.session.exact import exact
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.session.origin import find_origin, local_host
from kvmreconcile.tree import Rules

CHANGES = 3
"""Exit status of --detailed-exitcode if the plan is not empty; 2 is for wrong usage."""


class PlanFormat(Enum):
    """Output format of a plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


Only = Annotated[
    list[str],
    typer.Option("--only", metavar="KIND/NAME", help="Plan only this object; can be repeated."),
]
PruneAs = Annotated[
    Prune | None,
    typer.Option(
        "--prune",
        help="What to do with managed objects of all sources that have no spec here: never (keep), confirm "
        "(remove after approval) or auto (remove). Objects of kinds with the setting never are kept.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class PlanOptions(Common):
    """Options of `plan`."""

    paths: Paths = field(default_factory=list)
    output: Annotated[PlanFormat, typer.Option("--output", "-o", help="Output format.")] = PlanFormat.TEXT
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Compare domains by means of libvirt's embedded QEMU driver. Hides differences that libvirt ignores, and reports definitions that libvirt rejects.",
        ),
    ] = False
    prune: PruneAs = None
    only: Only = field(default_factory=list)
    detailed_exitcode: Annotated[
        bool,
        typer.Option(
            "--detailed-exitcode",
            help="Exit with 3 if actions are planned or held, or if the state may be lost.",
        ),
    ] = False


def plan(options: PlanOptions) -> int:
    """Show what would be changed and what is held, with the reasons."""
    settings, kinds = options.settings(), known_kinds()
    only = parse_keys(options.only, document_kinds(kinds))
    origin = find_origin(options.paths, settings)
    specs = read_origin(origin, settings, kinds, local_host(settings))
    report_problems(specs.problems)
    with view_session(settings, kinds) as session:
        target = target_of(session, origin)
        world = pruned_as(session.observe(specs, datetime.now(UTC)), options.prune, kinds)
        world, made = session.plan_refreshed(world, select(Overrides(only=only or None), world))
    if options.exact:
        made = _exact(made, world, rules_by_kind(kinds))
    report_problems(made.problems)
    warn(made.notes)
    choices = {"--prune": options.prune.value} if options.prune else {}
    approve = Hints(settings, options.paths, only, choices).approve(made)
    show(_rendered(made, rules_by_kind(kinds), options.output, approve, target))
    if specs.problems or made.problems:
        return 1
    is_changed = made.lost or not made.is_empty
    return CHANGES if options.detailed_exitcode and is_changed else 0


def _exact(plan: Plan, world: World, rules: Mapping[str, Rules]) -> Plan:
    from kvmreconcile.host.oracle import Oracle  # noqa: PLC0415  loaded only when needed

    with Oracle() as oracle:
        try:
            return exact(plan, world, rules, {"domain": lambda xml: oracle.canonical(xml, validate=True)})
        except Unavailable as error:
            raise Unavailable(f"{error}; to plan without the embedded driver, omit --exact") from error


def _rendered(
    plan: Plan, rules: Mapping[str, Rules], output: PlanFormat, approve: str, target: Target
) -> str:
    match output:
        case PlanFormat.TEXT:
            return render_text(plan, rules, palette(sys.stdout), approve, target)
        case PlanFormat.JSON:
            return render_json(plan, rules, approve, target)
        case PlanFormat.MARKDOWN:
            return render_markdown(plan, rules, approve, target)
