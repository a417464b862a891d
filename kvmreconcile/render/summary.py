"""Count the objects of a plan by the type of their steps."""

from dataclasses import dataclass

from kvmreconcile.model import Plan
from kvmreconcile.render.view import Group, by_object, pending_lines
from kvmreconcile.tree import Effect


@dataclass(frozen=True, slots=True)
class Summary:
    """The number of objects in a plan, by the type of their steps."""

    create: int = 0
    change: int = 0
    remove: int = 0
    next_boot: int = 0
    held: int = 0
    pending: int = 0
    problems: int = 0
    in_sync: int = 0
    elsewhere: int = 0

    def __str__(self) -> str:
        later = f" ({self.next_boot} with changes at the next start)" if self.next_boot else ""
        parts = (
            f"{self.create} to create" if self.create else "",
            f"{self.change} to change{later}" if self.change else "",
            f"{self.remove} to remove" if self.remove else "",
            f"{self.held} held" if self.held else "",
            f"{self.pending} pending until the next start" if self.pending else "",
            f"{self.problems} problem{'s' if self.problems > 1 else ''} in specs or state"
            if self.problems
            else "",
            f"{self.in_sync} in sync" if self.in_sync else "",
            f"{self.elsewhere} on other hosts" if self.elsewhere else "",
        )
        return ", ".join(filter(None, parts)) or "no objects"


def summary(plan: Plan) -> Summary:
    """Return the numbers of objects in a plan."""
    groups = [Group(key, actions, ()) for key, actions in by_object(plan).items()]
    signs = [g.sign for g in groups]
    return Summary(
        create=signs.count("+"),
        change=signs.count("~"),
        remove=signs.count("-"),
        next_boot=sum(g.sign == "~" and g.effect is Effect.NEXT_BOOT for g in groups),
        held=len({h.action.key for h in plan.held}),
        pending=sum(1 for _ in pending_lines(plan, {})),
        problems=len(plan.problems),
        in_sync=len(plan.in_sync),
        elsewhere=plan.placed_elsewhere,
    )
