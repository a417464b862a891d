"""The values that stages hand to one another, every one frozen; below the planner, policy, executors, state and daemon."""

from kvmreconcile.model.objects import Actual, Apply, Desired, Key, Policy, Power, ShutdownBy, Source, Stamp
from kvmreconcile.model.plans import Action, Held, Hold, Outcome, Plan, Reason, Report, Result
from kvmreconcile.model.windows import Window
from kvmreconcile.model.world import (
    Applied,
    Blind,
    Lookup,
    Observation,
    Prune,
    Settled,
    Surroundings,
    Unknown,
    Unseen,
    World,
)

__all__ = [
    "Action",
    "Actual",
    "Applied",
    "Apply",
    "Blind",
    "Desired",
    "Held",
    "Hold",
    "Key",
    "Lookup",
    "Observation",
    "Outcome",
    "Plan",
    "Policy",
    "Power",
    "Prune",
    "Reason",
    "Report",
    "Result",
    "Settled",
    "ShutdownBy",
    "Source",
    "Stamp",
    "Surroundings",
    "Unknown",
    "Unseen",
    "Window",
    "World",
]
