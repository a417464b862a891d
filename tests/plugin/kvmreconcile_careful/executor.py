"""An executor that has plans executed on libvirt, and logs counts of the outcomes."""

from collections import Counter
from dataclasses import dataclass

import structlog

from kvmreconcile.execute import libvirt
from kvmreconcile.execute.executor import Executor, Tools
from kvmreconcile.model import Plan, Report, World

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CountingExecutor:
    """Passes every plan to another executor."""

    inner: Executor

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Have a plan executed, and log how many of its actions were done, failed or skipped."""
        report = self.inner.execute(plan, world)
        counts = Counter(outcome.result.value for outcome in report.outcomes)
        log.info("careful.counted", plan=plan.digest, **counts)
        return report


def make(tools: Tools) -> CountingExecutor:
    """Return the executor called "counting", around the one that acts on libvirt."""
    return CountingExecutor(libvirt.make(tools))
