"""Plan what would be done, from what is desired, actual and applied: pure functions from values to values."""

from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.gates.limits import Limit, Limits
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.planner import plan

__all__ = ["ComparisonCache", "Limit", "Limits", "Overrides", "plan"]
