"""
Act only on a plan that somebody has seen.

Separate, and around any other executor, so that approval can be asked for whatever it is that acts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kvmreconcile.execute import libvirt
from kvmreconcile.execute.dry_run import skipped
from kvmreconcile.execute.executor import Executor, Reporter, Tools
from kvmreconcile.model import Plan, Report, World


@dataclass(frozen=True, slots=True)
class ApproveExecutor:
    """
    Executes the plan whose digest was approved, or one that is confirmed now; of any other nothing.

    A plan without actions changes nothing on the host and is passed on without approval. So is what takes an edit back that
    libvirt refused: that was agreed to with the edit.
    """

    inner: Executor
    digest: str
    confirm: Callable[[Plan], bool]
    reporter: Reporter

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Pass an approved plan on; say of any other that it was not approved, and how to approve it."""
        if not plan.actions or self._is_approved(plan):
            return self.inner.execute(plan, world)
        back = plan.taking_back
        done = self.inner.execute(back, world) if back.actions else Report(back)
        rest = replace(plan, actions=tuple(a for a in plan.actions if a not in back.actions))
        other = (
            f"plan {self.digest} was approved, but is no longer the plan"
            if self.digest
            else "the plan is not approved"
        )
        why = f"{other}; to execute this plan, approve {plan.digest}"
        left = skipped(rest, why, self.reporter)
        return replace(done, plan=plan, outcomes=(*done.outcomes, *left.outcomes))

    def _is_approved(self, plan: Plan) -> bool:
        return (self.digest != "" and self.digest == plan.digest) or self.confirm(plan)


def make(tools: Tools) -> ApproveExecutor:
    """Return the executor called "approve", around the one that acts on libvirt."""
    return ApproveExecutor(libvirt.make(tools), tools.approved, tools.confirm, tools.reporter)
