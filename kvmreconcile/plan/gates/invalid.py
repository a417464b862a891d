"""
Hold invalid definitions: those with problems, and those that libvirt's embedded driver rejected.

Storing an invalid definition, or starting an object with one, would fail in the middle of a plan.
Problems of a spec alone are found when the spec is read. This module finds problems that result
from merging a spec with the actual object. Problems that the stored definition already has are
ignored, since libvirt accepted that definition. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Apply, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.tree import Node


def definition_to_store(steps: tuple[Action, ...]) -> Node | None:
    """Return the merged definition that the steps on an object would store, or None."""
    return next((step.tree for step in steps if step.verb.stores and step.tree is not None), None)


def find_invalid(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose steps would store an invalid definition, each with its hold."""
    for key, each in steps.items():
        whole = definition_to_store(each)
        if whole is None:
            continue
        actual = context.world.observed.actual(key)
        known = (
            {problem.what for problem in context.kinds[key.kind].find_problems(actual.tree)}
            if actual
            else set()
        )
        for problem in context.kinds[key.kind].find_problems(whole):
            if problem.what not in known:
                yield key, HoldReason(Hold.INVALID, f"{problem.place}: {problem.what}", problem.todo)
                break


def find_rejected(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose definition libvirt's embedded driver rejected, each with its hold."""
    for key, why in context.world.refused.items():
        if key in steps and context.world.desired[key].policy.apply is not Apply.OBSERVE:
            todo = "fix the spec; or approve this plan to try it with the host's libvirt daemon"
            yield key, HoldReason(Hold.INVALID, f"libvirt says: {why}", todo)
