"""An executor that has plans carried out on libvirt, and counts in the log what came of them."""

from collections import Counter
from dataclasses import dataclass

import structlog

from kvmreconcile.execute import libvirt
from kvmreconcile.execute.executor import Executor, Tools
from kvmreconcile.model import Plan, Report, World

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CountingExecutor:
    """Hands every plan to another executor."""

    inner: Executor

    def execute(self, plan: Plan, world: World, /) -> Report:
        """Have a plan carried out, and log how many of its actions were done, failed or skipped."""
        report = self.inner.execute(plan, world)
        counts = Counter(outcome.result.value for outcome in report.outcomes)
        log.info("careful.counted", plan=plan.digest, **counts)
        return report


def make(tools: Tools) -> CountingExecutor:
    """Return the executor called "counting", around the one that acts on libvirt."""
    return CountingExecutor(libvirt.make(tools))
