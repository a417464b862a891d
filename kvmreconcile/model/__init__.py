"""Define immutable values that packages exchange: objects, plans, reports and inputs of plans."""

from kvmreconcile.model.applied import Applied, RememberedPending, Settled, StartedStep
from kvmreconcile.model.commands import Commands, Manual, ManualCommands, Templates, domain_word
from kvmreconcile.model.content import Content, Obstacle
from kvmreconcile.model.data import Data
from kvmreconcile.model.definition_problem import DefinitionProblem
from kvmreconcile.model.edits import Probation, Refusal, StoredEdit
from kvmreconcile.model.facts import Capacity, Fact, Facts
from kvmreconcile.model.host_id import HostId
from kvmreconcile.model.lifecycle import Leftover, Lifecycle, Ready, ShutdownBy, ShutdownPolicy
from kvmreconcile.model.objects import (
    Actual,
    Creation,
    Desired,
    Key,
    OwnershipMark,
    Power,
    Reference,
    RefusedParts,
    StateReason,
)
from kvmreconcile.model.observation import Observation, Unknown, Unobservable
from kvmreconcile.model.plans import Action, Held, Hold, HoldReason, Plan, Reason
from kvmreconcile.model.policy import Apply, LiveChanges, Policy
from kvmreconcile.model.provenance import ALL_FILES, Provenance, Root, SpecSource
from kvmreconcile.model.relocation import DivergedSource, Relocation
from kvmreconcile.model.removal import Cost, Removal
from kvmreconcile.model.reports import Outcome, Report, Result, Shortage
from kvmreconcile.model.source import Source
from kvmreconcile.model.surroundings import Lookup, Surroundings
from kvmreconcile.model.suspension import LATEST, Suspension
from kvmreconcile.model.windows import Window
from kvmreconcile.model.world import FirstSeen, Prune, World

__all__ = [
    "ALL_FILES",
    "LATEST",
    "Action",
    "Actual",
    "Applied",
    "Apply",
    "Capacity",
    "Commands",
    "Content",
    "Cost",
    "Creation",
    "Data",
    "DefinitionProblem",
    "Desired",
    "DivergedSource",
    "Fact",
    "Facts",
    "FirstSeen",
    "Held",
    "Hold",
    "HoldReason",
    "HostId",
    "Key",
    "Leftover",
    "Lifecycle",
    "LiveChanges",
    "Lookup",
    "Manual",
    "ManualCommands",
    "Observation",
    "Obstacle",
    "Outcome",
    "OwnershipMark",
    "Plan",
    "Policy",
    "Power",
    "Probation",
    "Provenance",
    "Prune",
    "Ready",
    "Reason",
    "Reference",
    "Refusal",
    "RefusedParts",
    "Relocation",
    "RememberedPending",
    "Removal",
    "Report",
    "Result",
    "Root",
    "Settled",
    "Shortage",
    "ShutdownBy",
    "ShutdownPolicy",
    "Source",
    "SpecSource",
    "StartedStep",
    "StateReason",
    "StoredEdit",
    "Surroundings",
    "Suspension",
    "Templates",
    "Unknown",
    "Unobservable",
    "Window",
    "World",
    "domain_word",
]
