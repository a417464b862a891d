"""From what is wanted and what is to what would be done: pure functions from values to values."""

from kvmreconcile.plan.planner import plan
from kvmreconcile.plan.policy import Limits, Overrides

__all__ = ["Limits", "Overrides", "plan"]
