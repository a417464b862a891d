"""The executor "approve": execute only approved plans, using another executor."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kvmreconcile.execute import libvirt
from kvmreconcile.execute.dry_run import skip_all
from kvmreconcile.execute.executor import Executor, Reporter, Tools
from kvmreconcile.model import Plan, Report, World


@dataclass(frozen=True, slots=True)
class ApproveExecutor:
    """
    Executes approved plans and skips all others.

    A plan is approved by its digest or by the user's confirmation. A plan without actions changes
    nothing on the host and needs no approval. Actions that roll back an edit that libvirt refused
    need no approval either, as they were approved with the edit.

    Attributes:
        inner: The executor for approved plans.
        digest: The digest of the approved plan, "" for none.
        confirm: Asks the user whether a plan may be executed.
    """

    inner: Executor
    digest: str
    confirm: Callable[[Plan], bool]
    reporter: Reporter

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Execute an approved plan, or skip the plan's actions and explain how to approve it."""
        if not plan.actions or self._is_approved(plan):
            return self.inner.execute(plan, world)
        rollback = plan.rollback_part
        done = self.inner.execute(rollback, world) if rollback.actions else Report(rollback)
        rest = replace(plan, actions=tuple(a for a in plan.actions if a not in rollback.actions))
        other = (
            f"plan {self.digest} was approved, but the current plan is another one"
            if self.digest
            else "the plan is not approved"
        )
        why = f"{other}; to execute this plan, approve {plan.digest}"
        left = skip_all(rest, why, self.reporter)
        return replace(done, plan=plan, outcomes=(*done.outcomes, *left.outcomes))

    def _is_approved(self, plan: Plan) -> bool:
        return (self.digest != "" and self.digest == plan.digest) or self.confirm(plan)


def make(tools: Tools) -> ApproveExecutor:
    """Return the executor "approve", which wraps the executor "libvirt"."""
    return ApproveExecutor(libvirt.make(tools), tools.approved, tools.confirm, tools.reporter)
