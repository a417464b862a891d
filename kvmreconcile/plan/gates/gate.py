"""Define gates, which hold steps of a plan because of other objects or the whole host, and the limits of the host."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kvmreconcile.model import Action, Held
from kvmreconcile.plan.context import PlanContext


class Splitter(Protocol):
    """A function that splits steps into those that may run now and those that are held. Pure."""

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: "Limits", /
    ) -> tuple[list[Action], list[Held]]:
        """
        Return the steps that may run now, and the held steps with their reasons.

        Args:
            actions: The steps in the order of the plan. An object comes after the objects that it
                needs.
            limits: The limits of the whole host.
        """
        ...


@dataclass(frozen=True, slots=True)
class Gate:
    """
    A gate of the planner, or of another package (entry-point group `kvmreconcile.gates`).

    Attributes:
        name: The name of the gate in messages.
        split: Called in each plan, unless an approval opens the gate.
        opened_by_approval: Whether the gate holds nothing in an approved plan.
    """

    name: str
    split: Splitter
    opened_by_approval: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """
    Maximum number of objects that one pass may affect. One object is allowed unless `most` is 0.

    Attributes:
        share: Maximum fraction of the existing objects, 0 to 1.
        most: Maximum number of objects.
    """

    share: float
    most: int

    def allows(self, of: int) -> int:
        """Return how many objects one pass may affect. `of`: the number of existing objects."""
        return max(min(1, self.most), self.portion(of))

    def portion(self, of: int) -> int:
        """Return how many of `of` objects both `share` and `most` allow, which may be 0."""
        return min(int(of * self.share), self.most)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The limits for one pass, by type of step. Each kind of object is counted separately.

    Attributes:
        remake: The limit for missing objects with data that would be created again.
        settle_s: Time in seconds for which the specs must be unchanged before something is removed.
        gates: The gates of other packages, which may hold further steps.
    """

    delete: Limit = Limit(0.3, 10)
    restart: Limit = Limit(0.5, 10)
    replace: Limit = Limit(0.3, 5)
    remake: Limit = Limit(0.3, 5)
    settle_s: float = 30.0
    gates: tuple[Gate, ...] = ()
