"""Define reports: the outcomes of a plan's actions."""

from dataclasses import dataclass
from enum import Enum

from kvmreconcile.model.applied import Settled
from kvmreconcile.model.objects import Key
from kvmreconcile.model.plans import Action, Plan


class Result(Enum):
    """The result of an action."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Shortage:
    """The object with too little free space, and how many bytes an action needs there."""

    of: Key
    needed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of one action.

    Attributes:
        error: Why it failed or was skipped, else "".
        failure: The class of the error that it failed with, else "".
        retry: Whether the failure may be temporary.
        shortage: The free space that it lacked, None if it lacked none or the size is unknown.
    """

    action: Action
    result: Result
    took_s: float = 0.0
    error: str = ""
    retry: bool = False
    failure: str = ""
    shortage: Shortage | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcomes of a plan."""

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    settled: tuple[tuple[Key, Settled], ...] = ()

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes that are failures."""
        return tuple(o for o in self.outcomes if o.result is Result.FAILED)
