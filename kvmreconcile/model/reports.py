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
    """
    Too little free space for an action.

    Attributes:
        of: The object with too little free space, such as a pool.
        needed: The bytes that the action needs.
    """

    of: Key
    needed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The outcome of one action.

    Attributes:
        took_s: The duration of the action in seconds.
        error: Why the action failed or was skipped; "" otherwise.
        failure: The class of the error if the action failed; "" otherwise.
        retry: Whether the failure may be temporary.
        shortage: The missing free space; None if there was enough or the size is unknown.
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
        """The outcomes of failed actions."""
        return tuple(o for o in self.outcomes if o.result is Result.FAILED)
