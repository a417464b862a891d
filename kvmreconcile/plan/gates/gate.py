"""Define the type of gates: functions that hold some actions of a plan because of other objects or the whole host."""

from collections.abc import Sequence
from typing import Protocol

from kvmreconcile.model import Action, Held
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.limits import Limits


class Gate(Protocol):
    """Splits actions into those that may be done now and those that are held. Pure."""

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: Limits | None, /
    ) -> tuple[list[Action], list[Held]]:
        """
        Return the actions that may be done, and those that are held with the reason.

        Args:
            actions: In the order of the plan, so that an object comes after those that it needs.
            limits: The limits of the whole host; None for an approved plan, with which gates that an approval overrides
                hold nothing.
        """
        ...
