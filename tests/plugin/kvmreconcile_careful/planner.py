"""A planner that leaves every object alone whose spec has the label `hands: off`."""

from dataclasses import replace

from kvmreconcile import plan as ours
from kvmreconcile.model import Key, Plan, Suspension, World
from kvmreconcile.plan import Limits, Overrides
from kvmreconcile.plan.order.needs import Rulebooks

LABEL = ("hands", "off")


def plan(
    world: World, kinds: Rulebooks, overrides: Overrides | None = None, limits: Limits | None = None
) -> Plan:
    """Plan as kvmreconcile does, for a world in which what has the label is suspended."""
    word = Suspension(world.now, why=f"labelled {': '.join(LABEL)}", who="kvmreconcile-careful")
    labelled: dict[Key | None, Suspension] = {
        key: word for key, desired in world.desired.items() if LABEL in desired.labels
    }
    return ours.plan(replace(world, suspended={**world.suspended, **labelled}), kinds, overrides, limits)
