"""`kvmreconcile apply`: show the plan, ask, do it. Separate from the pass itself, which never asks anybody."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated

import typer

from kvmreconcile.cli.hints import Hints
from kvmreconcile.cli.options import Common, Paths
from kvmreconcile.cli.plan import Only, PruneAs
from kvmreconcile.cli.progress import reporting
from kvmreconcile.cli.recording import Deed, carry_out
from kvmreconcile.cli.session import (
    check_known,
    chosen,
    open_session,
    pruned_as,
    read_origin,
    rules_of,
    target_of,
    view_session,
)
from kvmreconcile.cli.signals import interruption
from kvmreconcile.cli.terminal import ask, can_ask, complain, counted, palette, say, show, warn
from kvmreconcile.model import Plan, Reason, Report, Result, World
from kvmreconcile.plan import Overrides
from kvmreconcile.render import Target, render_text, summary
from kvmreconcile.session.kinds import known_kinds
from kvmreconcile.session.origin import Origin, find_origin
from kvmreconcile.session.session import Session
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import Effect

ROUNDS = 3
"""How often to look again: what is inside a pool can only be planned for once the pool is active."""
HELD = 3
"""Exit status where all that may be done is done, and some is held or left undone on purpose."""


class MaxEffect(Enum):
    """How far to go unasked."""

    LIVE = "live"
    NEXT_BOOT = "next-boot"
    RESTART = "restart"
    REPLACE = "replace"
    DATA_LOSS = "data-loss"


@dataclass(frozen=True, kw_only=True)
class ApplyOptions(Common):
    """What `apply` understands."""

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
            help="Largest effect allowed, instead of the limit in each spec; maintenance windows are ignored.",
        ),
    ] = None
    prune: PruneAs = None
    only: Only = field(default_factory=list)
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and do nothing.")] = False


def apply(options: ApplyOptions) -> int:
    """Show the plan and apply it after confirmation."""
    settings, kinds = options.settings(), known_kinds()
    only = chosen(options.only, kinds)
    origin = find_origin(options.paths, settings)
    specs = read_origin(origin, settings, kinds)
    complain(specs.problems)
    effect = Effect[options.max_effect.name] if options.max_effect else None
    overrides = Overrides(max_effect=effect, approved=options.approve, only=only or None)
    with (view_session if options.dry_run else open_session)(settings, kinds) as session:
        run = _Run(session, origin, specs, overrides, options)
        status = run.shown() if options.dry_run else run.to_the_end()
    return 1 if specs.problems else status


@dataclass(slots=True)
class _Run:
    """One call of `apply`: rounds of planning and doing."""

    session: Session
    origin: Origin
    specs: Loaded
    overrides: Overrides
    options: ApplyOptions
    reports: list[Report] = field(default_factory=list)

    def shown(self) -> int:
        """Show what would be done, and return the exit status."""
        return 1 if self.begin()[1].problems else 0

    def begin(self) -> tuple[World, Plan]:
        """Return the host and what would be done, and show it."""
        world, plan = self.look()
        check_known(self.overrides.only or (), world)
        complain(plan.problems)
        warn(plan.notes)
        self.show(plan, target_of(self.session, self.origin))
        return world, plan

    def to_the_end(self) -> int:
        """Work until nothing is left to do, and return the exit status."""
        world, plan = self.begin()
        approved = self.options.approve
        if approved and approved != plan.digest and not plan.is_empty:
            say(
                f"nothing was done: {approved} was approved, and the plan is {plan.digest} now; look at it again"
            )
            return 1
        for _ in range(ROUNDS):
            if not plan.actions and not plan.records:
                self.session.record_sources(plan, world)
                self.session.note_files(world)
                break
            permitted = self.permitted(plan)
            if permitted is None:
                return 1
            report = self.execute(permitted, world)
            if interruption.status:
                return self.stopped()
            before = plan.digest
            world, plan = self.look()
            goes_back = any(a.reason is Reason.ROLLBACK for a in plan.actions)
            if (report.failed and not goes_back) or plan.digest == before:
                break
            if plan.actions:
                self.show(plan)
        return self.end(plan, world)

    def end(self, plan: Plan, world: World) -> int:
        """Take back what did not succeed, say how it ended, and return the exit status."""
        if self.is_unfinished(plan):
            self.execute(plan.rollback_part, world)
            if interruption.status:
                return self.stopped()
            plan = self.look()[1]
        return self.status(plan)

    def permitted(self, plan: Plan) -> Plan | None:
        """Return what of a plan may be carried out, None for nothing; asks the person at the terminal."""
        if self.is_unfinished(plan) and not self.is_agreed(plan):
            return plan.rollback_part
        return plan if self.is_allowed(plan) else None

    def look(self) -> tuple[World, Plan]:
        """Return the host as it is now, and what would be done."""
        world = self.session.look(self.specs, datetime.now(UTC))
        world = pruned_as(world, self.options.prune, self.session.kinds)
        return self.session.planned(world, self.overrides)

    def show(self, plan: Plan, target: Target | None = None) -> None:
        """Print a plan; what it is about is said once."""
        approve = self.hints.approve(plan)
        show(render_text(plan, rules_of(self.session.kinds), palette(sys.stdout), approve, target))

    @property
    def hints(self) -> Hints:
        """The commands that go on from what was planned."""
        said, only = self.options, self.overrides.only or ()
        chosen = {"--max-effect": said.max_effect, "--prune": said.prune}
        choices = {name: choice.value for name, choice in chosen.items() if choice}
        return Hints(self.session.settings, said.paths, only, choices)

    def is_unfinished(self, plan: Plan) -> bool:
        """Tell whether an edit that was just made did not succeed, and is taken back without asking again."""
        return bool(self.reports) and bool(plan.rollback_part.actions)

    def is_agreed(self, plan: Plan) -> bool:
        """Return whether a plan may be carried out without approval."""
        return self.options.yes or self.options.approve == plan.digest

    def is_allowed(self, plan: Plan) -> bool:
        """Tell whether the plan may be carried out, asking if somebody is there."""
        if not plan.actions or self.is_agreed(plan):
            return True
        what = "this plan was not applied" if self.reports else "nothing was done"
        if can_ask():
            return ask("Apply this plan?") or _refused(what)
        return _refused(f"{what}: use --yes, or --approve {plan.digest} for exactly this plan")

    def execute(self, plan: Plan, world: World) -> Report:
        """Do a plan, telling of every action."""
        with reporting() as reporter:
            report = carry_out(self.session, plan, world, reporter, self.deed(plan))
        self.reports.append(report)
        return report

    def deed(self, plan: Plan) -> Deed:
        """Return what is done by carrying out a plan."""
        return Deed("apply", self.origin, is_approved=self.options.approve == plan.digest)

    def counts(self) -> tuple[int, int, int]:
        """Return how many actions were done, failed and were skipped."""
        count = Counter(o.result for r in self.reports for o in r.outcomes)
        return count[Result.DONE], count[Result.FAILED], count[Result.SKIPPED]

    def stopped(self) -> int:
        """Say how far it came before somebody stopped it, and return the exit status."""
        done, failed, skipped = self.counts()
        say(
            f"stopped: {done} done, {failed} failed, {skipped} left undone; the next run continues from there"
        )
        return interruption.status

    def status(self, plan: Plan) -> int:
        """Say how it ended, and return the exit status."""
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
            say(unconverged(plan, [report.plan for report in self.reports], self.hints.plan()))
            return 1
        approve = self.hints.approve(plan) if done else ""
        if approve:
            # What was done is part of the plan that was shown, so that its digest names another.
            say(f"to release what waits for approval: {approve}")
        return HELD if plan.held or plan.lost else 0


def unconverged(plan: Plan, done: Sequence[Plan], again: str) -> str:
    """
    Say why there is still something to do after the last round, and what to do about it.

    Args:
        done: The plan of each round.
        again: The command that shows what there is to do.
    """
    names = ", ".join(dict.fromkeys(str(action.key) for action in plan.actions))
    if all(plan.digest != each.digest for each in done):
        return f"not finished after {counted(len(done), 'round')}: there are new changes for {names}; run apply again"
    return f"not converged: the same changes are needed again after they were made, for {names}; see: {again}"


def _refused(why: str) -> bool:
    say(why)
    return False
