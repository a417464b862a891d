"""
Do nothing.

Separate because "what if" must not depend on any care taken in the code that acts.
"""

from kvmreconcile.execute.executor import Tools
from kvmreconcile.model import Outcome, Plan, Report, Result, World


class DryRunExecutor:
    """Skips every action."""

    def execute(self, plan: Plan, _world: World, /) -> Report:
        """Say of every action that it was skipped."""
        return skipped(plan, "dry run")


def skipped(plan: Plan, why: str) -> Report:
    """Return the report of a plan of which nothing was done."""
    return Report(plan, tuple(Outcome(action, Result.SKIPPED, error=why) for action in plan.actions))


def make(_tools: Tools) -> DryRunExecutor:
    """Return the executor called "dry-run"."""
    return DryRunExecutor()
