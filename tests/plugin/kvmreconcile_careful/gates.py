"""Two gates for objects with a label: one that an approval opens, and one that it does not open."""

from collections.abc import Sequence
from dataclasses import dataclass

from kvmreconcile.model import Action, Held, Hold
from kvmreconcile.plan import Gate, Limits
from kvmreconcile.plan.context import PlanContext


@dataclass(frozen=True, slots=True)
class Labelled:
    """Holds the steps on all objects whose spec has a label."""

    label: tuple[str, str]
    release: str

    def __call__(
        self, actions: Sequence[Action], context: PlanContext, _limits: Limits, /
    ) -> tuple[list[Action], list[Held]]:
        """Split the steps."""
        desired = context.world.desired
        held = {a.key for a in actions if a.key in desired and self.label in desired[a.key].labels}
        detail = f"labelled {': '.join(self.label)}"
        return (
            [action for action in actions if action.key not in held],
            [Held(a, Hold.GATE, detail, self.release) for a in actions if a.key in held],
        )


CONFIRM = Gate("confirm", Labelled(("confirm", "always"), "approve this plan"), opened_by_approval=True)
FROZEN = Gate("frozen", Labelled(("frozen", "until-further-notice"), "remove the label"))
