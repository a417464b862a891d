"""From what is wanted and what is to what would be done: pure functions from values to values."""

from kvmreconcile.plan.gates.limits import Limit, Limits
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.planner import plan

__all__ = ["Limit", "Limits", "Overrides", "plan"]
