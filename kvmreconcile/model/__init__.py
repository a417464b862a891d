"""The values that stages hand to one another, every one frozen; below the planner, policy, executors, state and daemon."""

from kvmreconcile.model.objects import (
    Actual,
    Desired,
    Halt,
    Key,
    Mention,
    Power,
    Source,
    Stamp,
)
from kvmreconcile.model.plans import Action, Held, Hold, Outcome, Plan, Reason, Report, Result
from kvmreconcile.model.policy import Apply, Leftover, Policy, Ready, ShutdownBy
from kvmreconcile.model.removal import Cost, Removal
from kvmreconcile.model.windows import Window
from kvmreconcile.model.world import (
    Applied,
    Blind,
    Lookup,
    Observation,
    Prune,
    Settled,
    Surroundings,
    Suspension,
    Trial,
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
    "Cost",
    "Desired",
    "Halt",
    "Held",
    "Hold",
    "Key",
    "Leftover",
    "Lookup",
    "Mention",
    "Observation",
    "Outcome",
    "Plan",
    "Policy",
    "Power",
    "Prune",
    "Ready",
    "Reason",
    "Removal",
    "Report",
    "Result",
    "Settled",
    "ShutdownBy",
    "Source",
    "Stamp",
    "Surroundings",
    "Suspension",
    "Trial",
    "Unknown",
    "Unseen",
    "Window",
    "World",
]
