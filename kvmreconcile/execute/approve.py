"""The executor "approve": wrap another executor, and execute only approved plans."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from kvmreconcile.execute import libvirt
from kvmreconcile.execute.dry_run import skip_all
from kvmreconcile.execute.executor import Executor, Reporter, Tools
from kvmreconcile.model import Plan, Report, World


@dataclass(frozen=True, slots=True)
class ApproveExecutor:
    """
    Executes the plan whose digest was approved, or one that the user confirms; skips every other plan.

    A plan without actions changes nothing on the host and needs no approval. Neither do actions that roll back an edit
    that libvirt refused: they were approved with the edit.
    """

    inner: Executor
    digest: str
    confirm: Callable[[Plan], bool]
    reporter: Reporter

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Execute an approved plan; skip the actions of any other with advice how to approve it."""
        if not plan.actions or self._is_approved(plan):
            return self.inner.execute(plan, world)
        rollback = plan.rollback_part
        done = self.inner.execute(rollback, world) if rollback.actions else Report(rollback)
        rest = replace(plan, actions=tuple(a for a in plan.actions if a not in rollback.actions))
        other = (
            f"plan {self.digest} was approved, but is no longer the plan"
            if self.digest
            else "the plan is not approved"
        )
        why = f"{other}; to execute this plan, approve {plan.digest}"
        left = skip_all(rest, why, self.reporter)
        return replace(done, plan=plan, outcomes=(*done.outcomes, *left.outcomes))

    def _is_approved(self, plan: Plan) -> bool:
        return (self.digest != "" and self.digest == plan.digest) or self.confirm(plan)


def make(tools: Tools) -> ApproveExecutor:
    """Return the executor "approve" around the executor "libvirt"."""
    return ApproveExecutor(libvirt.make(tools), tools.approved, tools.confirm, tools.reporter)
