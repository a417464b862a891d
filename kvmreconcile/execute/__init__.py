"""From a plan to what came of it: the only stage that changes anything."""

from kvmreconcile.execute.executor import Executor, Reporter, SilentReporter, Tools

__all__ = ["Executor", "Reporter", "SilentReporter", "Tools"]
