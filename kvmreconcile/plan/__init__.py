"""Plan the steps that bring objects in line with their specs. All functions are pure."""

from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.gates.gate import Gate, Limit, Limits
from kvmreconcile.plan.gates.policy import Overrides
from kvmreconcile.plan.planner import plan

__all__ = ["ComparisonCache", "Gate", "Limit", "Limits", "Overrides", "plan"]
