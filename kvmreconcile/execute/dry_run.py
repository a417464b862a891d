"""
Do nothing.

Separate because "what if" must not depend on any care taken in the code that acts.
"""

from dataclasses import dataclass

from kvmreconcile.execute.executor import Reporter, Tools
from kvmreconcile.model import Outcome, Plan, Report, Result, World


@dataclass(frozen=True, slots=True)
class DryRunExecutor:
    """Skips every action."""

    reporter: Reporter

    def execute(self, plan: Plan, _world: World, /) -> Report:
        """Say of every action that it was skipped."""
        return skipped(plan, "dry run", self.reporter)


def skipped(plan: Plan, why: str, reporter: Reporter) -> Report:
    """Return the report of a plan of which nothing is done, and tell a reporter of it."""
    outcomes = tuple(Outcome(action, Result.SKIPPED, error=why) for action in plan.actions)
    for outcome in outcomes:
        reporter.finished(outcome)
    return Report(plan, outcomes)


def make(tools: Tools) -> DryRunExecutor:
    """Return the executor called "dry-run"."""
    return DryRunExecutor(tools.reporter)
