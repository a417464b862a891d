"""From what is wanted and what is to what would be done: pure functions from values to values."""

from kvmreconcile.plan.brakes import Limit, Limits
from kvmreconcile.plan.planner import plan
from kvmreconcile.plan.policy import Overrides

__all__ = ["Limit", "Limits", "Overrides", "plan"]
