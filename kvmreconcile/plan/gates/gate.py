"""Define gates: functions that hold steps of a plan because of other objects or the whole host."""

from collections.abc import Sequence
from typing import Protocol

from kvmreconcile.model import Action, Held
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.limits import Limits


class Gate(Protocol):
    """A function that splits steps into those that may run now and those that are held. Pure."""

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: Limits | None, /
    ) -> tuple[list[Action], list[Held]]:
        """
        Return the steps that may run now, and the held steps with their reasons.

        Args:
            actions: The steps in the order of the plan. An object comes after the objects that it
                needs.
            limits: The limits of the whole host; None if the plan is approved. Gates that an
                approval overrides then hold nothing.
        """
        ...
