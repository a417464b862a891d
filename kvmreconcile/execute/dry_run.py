"""The executor "dry-run": skip every action. This module has no code that can change the host."""

from dataclasses import dataclass

from kvmreconcile.execute.executor import Reporter, Tools
from kvmreconcile.model import Outcome, Plan, Report, Result, World


@dataclass(frozen=True, slots=True)
class DryRunExecutor:
    """Skips every action."""

    reporter: Reporter

    def execute(self, plan: Plan, _world: World, /) -> Report:
        """Report every action as skipped."""
        return skip_all(plan, "dry run", self.reporter)


def skip_all(plan: Plan, why: str, reporter: Reporter) -> Report:
    """
    Report every action of a plan as skipped.

    Args:
        why: The reason to report.
    """
    outcomes = tuple(Outcome(action, Result.SKIPPED, error=why) for action in plan.actions)
    for outcome in outcomes:
        reporter.finished(outcome)
    return Report(plan, outcomes)


def make(tools: Tools) -> DryRunExecutor:
    """Return the executor "dry-run"."""
    return DryRunExecutor(tools.reporter)
