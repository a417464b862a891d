"""What each gate is: a function that holds some of a plan's steps because of other objects or of the whole host."""

from collections.abc import Sequence
from typing import Protocol

from kvmreconcile.model import Action, Held
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.limits import Limits


class Gate(Protocol):
    """Splits steps into those that may be done now and those that are held. Pure."""

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, limits: Limits | None, /
    ) -> tuple[list[Action], list[Held]]:
        """
        Return the steps that may be done, and those that are held with the reason.

        Args:
            actions: In the order of the plan, so that an object comes after what it needs.
            limits: Those of the whole host; None for an approved plan. A gate that an approval opens holds nothing then.
        """
        ...
