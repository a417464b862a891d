"""Define the results of comparing objects with their specs: for one object, and for all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Held, HoldReason, Key, Unobservable
from kvmreconcile.tree import Change

Steps = Mapping[Key, tuple[Action, ...]]
"""The steps on each object, in the order of the plan."""


@dataclass(frozen=True, slots=True)
class Finding:
    """
    The result of comparing one object with its spec.

    Attributes:
        steps: The steps on the object, in order.
        held: Steps that are held, regardless of the rest of the plan.
        pending: Changes that take effect at the object's next start, stored already or by a step.
        is_in_sync: Whether the object needs no steps.
        is_outdated: Whether the state record of the object must be updated.
        is_foreign: Whether an object of this name exists that is not ours.
        is_new: Whether the object does not exist, so that its dependents need its creation.
        hidden: Why the object cannot be observed before this plan starts another object, or None.
        is_busy: Whether a job runs on the object. `steps` then contains only steps of this job.
        is_at_rest: Whether the object is not in use, and so may be changed outside its windows.
        suspended: Why all steps on the object are held until an administrator releases them, or
            None.
        unusable: Why the object cannot be created or used, or None.
        crash: The exception that comparing the object raised, or None.
    """

    key: Key
    steps: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    pending: tuple[Change, ...] = ()
    is_in_sync: bool = False
    is_outdated: bool = False
    is_foreign: bool = False
    is_new: bool = False
    hidden: Unobservable | None = None
    is_busy: bool = False
    is_at_rest: bool = False
    suspended: HoldReason | None = None
    unusable: HoldReason | None = None
    crash: Exception | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """
    The findings for all objects. Each attribute combines the corresponding attribute of `Finding`.

    Mappings contain only objects that have a value.

    Attributes:
        steps: Also contains each object on which a job runs, even if it has no steps.
    """

    steps: Steps = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    pending: Mapping[Key, tuple[Change, ...]] = field(default_factory=dict)
    in_sync: tuple[Key, ...] = ()
    outdated: tuple[Key, ...] = ()
    new: frozenset[Key] = frozenset()
    hidden: Mapping[Key, Unobservable] = field(default_factory=dict)
    at_rest: frozenset[Key] = frozenset()
    suspended: Mapping[Key, HoldReason] = field(default_factory=dict)
    unusable: Mapping[Key, HoldReason] = field(default_factory=dict)
    crashes: Mapping[Key, Exception] = field(default_factory=dict)

    @classmethod
    def of(cls, findings: Iterable[Finding]) -> "Findings":
        """Combine the findings of single objects."""
        every = tuple(findings)
        return cls(
            steps={each.key: each.steps for each in every if each.steps or each.is_busy},
            held=tuple(held for each in every for held in each.held),
            pending={each.key: each.pending for each in every if each.pending},
            in_sync=tuple(each.key for each in every if each.is_in_sync),
            outdated=tuple(each.key for each in every if each.is_outdated),
            new=frozenset(each.key for each in every if each.is_new),
            hidden={each.key: each.hidden for each in every if each.hidden},
            at_rest=frozenset(each.key for each in every if each.is_at_rest),
            suspended={each.key: each.suspended for each in every if each.suspended},
            unusable={each.key: each.unusable for each in every if each.unusable},
            crashes={each.key: each.crash for each in every if each.crash},
        )

    def including(self, other: "Findings") -> "Findings":
        """Return these findings with the steps and pending changes of other findings added."""
        return replace(
            self,
            steps={**self.steps, **other.steps},
            pending={**self.pending, **other.pending},
            at_rest=self.at_rest | other.at_rest,
        )

    def without(self, key: Key) -> "Findings":
        """Return these findings without the steps, holds and pending changes of an object."""
        return replace(
            self,
            steps={k: steps for k, steps in self.steps.items() if k != key},
            pending={k: changes for k, changes in self.pending.items() if k != key},
            held=tuple(held for held in self.held if held.action.key != key),
        )

    def with_first(self, step: Action) -> "Findings":
        """Return these findings with a step added before all other steps on its object."""
        return replace(
            self,
            steps={**self.steps, step.key: (step, *self.steps.get(step.key, ()))},
            in_sync=tuple(key for key in self.in_sync if key != step.key),
            # The step updates the state record.
            outdated=tuple(key for key in self.outdated if key != step.key),
        )
