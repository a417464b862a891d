"""Define gates, which hold some actions of a plan because of other objects or the whole host, and the host's limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kvmreconcile.model import Action, Held
from kvmreconcile.plan.context import PlanContext


class Splitter(Protocol):
    """Splits actions into those that may be done now and those that are held. Pure."""

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: "Limits", /
    ) -> tuple[list[Action], list[Held]]:
        """
        Return the actions that may be done, and those that are held with the reason.

        Args:
            actions: In the order of the plan, so that an object comes after those that it needs.
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
    """Number of objects that one pass may affect: a share (0 to 1) of the existing ones, at least one, and at most `most`."""

    share: float
    most: int

    def allows(self, of: int) -> int:
        """Return the number of objects that one pass may affect, given how many there are."""
        return max(min(1, self.most), self.portion(of))

    def portion(self, of: int) -> int:
        """Return the number of objects that one pass may affect by the share alone, which may be 0."""
        return min(int(of * self.share), self.most)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The numbers of objects of a kind that one pass may affect, by type of step.

    Attributes:
        remake: Applies to objects that hold data and are missing, and would be created again.
        settle_s: Time in seconds that the specs must have been unchanged before objects without a spec are removed.
        gates: The gates of other packages, which may hold further steps.
    """

    delete: Limit = Limit(0.3, 10)
    restart: Limit = Limit(0.5, 10)
    replace: Limit = Limit(0.3, 5)
    remake: Limit = Limit(0.3, 5)
    settle_s: float = 30.0
    gates: tuple[Gate, ...] = ()
