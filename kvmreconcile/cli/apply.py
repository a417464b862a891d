"""`kvmreconcile apply`: show the plan, ask for confirmation, and execute the plan."""

import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

import typer

from kvmreconcile.cli.hints import Hints
from kvmreconcile.cli.options import Common, MaxEffect, Paths
from kvmreconcile.cli.outcomes import explain_unconverged
from kvmreconcile.cli.plan import Only, PruneAs
from kvmreconcile.cli.progress import reporting
from kvmreconcile.cli.recording import Invocation, execute_and_record
from kvmreconcile.cli.session import (
    open_session,
    parse_keys,
    pruned_as,
    read_origin,
    rules_by_kind,
    select,
    target_of,
    view_session,
)
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import ask, can_ask, counted, palette, report_problems, say, show, warn
from kvmreconcile.model import Plan, Reason, Report, Result, World
from kvmreconcile.plan import Overrides
from kvmreconcile.render import Target, render_text, summary
from kvmreconcile.session.kinds import document_kinds, known_kinds
from kvmreconcile.session.origin import SpecOrigin, find_origin, local_host
from kvmreconcile.session.session import Session
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import Effect

ROUNDS = 3
"""Maximum number of plans of one run. Volumes of a new pool need a second plan, when the pool is active."""
HELD = 3
"""Exit status if all permitted actions are done, but other actions are held or skipped."""


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(Common):
    """Options of `apply`."""

    paths: Paths = field(default_factory=list)
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Apply without asking for confirmation; held actions stay held."),
    ] = False
    approve: Annotated[
        str | None,
        typer.Option(
            "--approve",
            metavar="DIGEST",
            help="Execute exactly the plan with this digest, including held actions that an approval can release.",
        ),
    ] = None
    max_effect: Annotated[
        MaxEffect | None,
        typer.Option(
            "--max-effect",
            help="Largest effect allowed. Replaces the limit in each spec; maintenance windows are ignored.",
        ),
    ] = None
    prune: PruneAs = None
    only: Only = field(default_factory=list)
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan without executing it.")] = False


def apply(options: ApplyOptions) -> int:
    """Show the plan, and apply the plan after confirmation."""
    settings, kinds = options.settings(), known_kinds()
    only = parse_keys(options.only, document_kinds(kinds))
    origin = find_origin(options.paths, settings)
    specs = read_origin(origin, settings, kinds, local_host(settings))
    report_problems(specs.problems)
    effect = Effect[options.max_effect.name] if options.max_effect else None
    overrides = Overrides(max_effect=effect, approved=options.approve, only=only or None)
    with (view_session if options.dry_run else open_session)(settings, kinds) as session:
        run = _Run(session, origin, specs, overrides, options)
        status = run.preview() if options.dry_run else run.complete()
    return 1 if specs.problems else status


@dataclass(slots=True)
class _Run:
    """One run of `apply`, which consists of rounds of planning and executing."""

    session: Session
    origin: SpecOrigin
    specs: Loaded
    overrides: Overrides
    options: ApplyOptions
    reports: list[Report] = field(default_factory=list)

    def preview(self) -> int:
        """Show the plan, and return the exit status."""
        return 1 if self.begin()[1].problems else 0

    def begin(self) -> tuple[World, Plan]:
        """Observe the host, make a plan, and show the plan."""
        world, plan = self.observe()
        report_problems(plan.problems)
        warn(plan.notes)
        self.show(plan, target_of(self.session, self.origin))
        return world, plan

    def complete(self) -> int:
        """Make and execute plans until nothing is left to do, and return the exit status."""
        world, plan = self.begin()
        approved = self.options.approve
        if approved and approved != plan.digest and not plan.is_empty:
            say(
                f"nothing was done: plan {approved} was approved, but the current plan is {plan.digest}; review this plan"
            )
            return 1
        for _ in range(ROUNDS):
            if not plan.actions and not plan.records:
                self.session.record_sources(plan, world)
                self.session.record_files(world)
                break
            permitted = self.permitted(plan)
            if permitted is None:
                return 1
            report = self.execute(permitted, world)
            if interruption.status:
                return self.report_stop()
            before = plan.digest
            world, plan = self.observe()
            goes_back = any(a.reason is Reason.ROLLBACK for a in plan.actions)
            if (report.failed and not goes_back) or plan.digest == before:
                break
            if plan.actions:
                self.show(plan)
        return self.end(plan, world)

    def end(self, plan: Plan, world: World) -> int:
        """Roll back failed edits, print the result, and return the exit status."""
        if self.is_unfinished(plan):
            self.execute(plan.rollback_part, world)
            if interruption.status:
                return self.report_stop()
            plan = self.observe()[1]
        return self.status(plan)

    def permitted(self, plan: Plan) -> Plan | None:
        """
        Return the part of a plan that may be executed, or None if nothing may be executed.

        At a terminal, ask the user.
        """
        if self.is_unfinished(plan) and not self.is_agreed(plan):
            return plan.rollback_part
        return plan if self.is_allowed(plan) else None

    def observe(self) -> tuple[World, Plan]:
        """Observe the host, and make a plan."""
        world = self.session.observe(self.specs, datetime.now(UTC))
        world = pruned_as(world, self.options.prune, self.session.kinds)
        return self.session.plan_refreshed(world, select(self.overrides, world))

    def show(self, plan: Plan, target: Target | None = None) -> None:
        """
        Print a plan.

        Args:
            target: The target to print above the plan; None if it was printed before.
        """
        approve = self.hints.approve(plan)
        show(render_text(plan, rules_by_kind(self.session.kinds), palette(sys.stdout), approve, target))

    @property
    def hints(self) -> Hints:
        """The commands to suggest to the user after a plan."""
        options, only = self.options, self.overrides.only or ()
        chosen = {"--max-effect": options.max_effect, "--prune": options.prune}
        choices = {name: choice.value for name, choice in chosen.items() if choice}
        return Hints(self.session.settings, options.paths, only, choices)

    def is_unfinished(self, plan: Plan) -> bool:
        """Return whether the plan rolls back a failed edit of this run; this needs no confirmation."""
        return bool(self.reports) and bool(plan.rollback_part.actions)

    def is_agreed(self, plan: Plan) -> bool:
        """Return whether the command-line options confirm the plan."""
        return self.options.yes or self.options.approve == plan.digest

    def is_allowed(self, plan: Plan) -> bool:
        """Return whether the plan may be executed; at a terminal, ask the user."""
        if not plan.actions or self.is_agreed(plan):
            return True
        what = "this plan was not applied" if self.reports else "nothing was done"
        if can_ask():
            return ask("Apply this plan?") or _refused(what)
        return _refused(f"{what}: use --yes, or --approve {plan.digest} for exactly this plan")

    def execute(self, plan: Plan, world: World) -> Report:
        """Execute a plan, and report each action."""
        with reporting() as reporter:
            report = execute_and_record(self.session, plan, world, reporter, self.command(plan))
        self.reports.append(report)
        return report

    def command(self, plan: Plan) -> Invocation:
        """Return what the history records about this command."""
        return Invocation("apply", self.origin, is_approved=self.options.approve == plan.digest)

    def counts(self) -> tuple[int, int, int]:
        """Return the numbers of done, failed and skipped actions."""
        count = Counter(o.result for r in self.reports for o in r.outcomes)
        return count[Result.DONE], count[Result.FAILED], count[Result.SKIPPED]

    def report_stop(self) -> int:
        """Print what was done before the command was interrupted, and return the exit status."""
        done, failed, skipped = self.counts()
        say(f"stopped: {done} done, {failed} failed, {skipped} skipped; the next run continues from there")
        return interruption.status

    def status(self, plan: Plan) -> int:
        """Print the result, and return the exit status."""
        done, failed, skipped = self.counts()
        if done or failed:
            say(f"{counted(done, 'action')} done, {failed} failed; then: {summary(plan)}")
        if failed or plan.problems:
            return 1
        if skipped:
            reasons = dict.fromkeys(o.error for r in self.reports for o in r.outcomes if o.error)
            say(f"{counted(skipped, 'action')} skipped: {'; '.join(reasons)}")
            return HELD
        if plan.actions:
            say(explain_unconverged(plan, [report.plan for report in self.reports], self.hints.plan()))
            return 1
        approve = self.hints.approve(plan) if done else ""
        if approve:
            # The digest of the plan that was shown also covers the actions that have been done since.
            say(f"to approve the held actions: {approve}")
        return HELD if plan.held or plan.lost else 0


def _refused(why: str) -> bool:
    say(why)
    return False
