"""Execute plans; no other package changes the host."""

from kvmreconcile.execute.executor import Executor, Reporter, SilentReporter, Tools

__all__ = ["Executor", "Reporter", "SilentReporter", "Tools"]
