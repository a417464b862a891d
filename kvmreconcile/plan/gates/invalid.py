"""
Hold invalid definitions: those with errors, and those that libvirt's embedded driver rejected.

Storing or starting them would fail in the middle of a plan. Errors in a spec are found when it is read; these errors
result from merging a spec with the actual object. Errors that the stored definition already has are ignored, since
libvirt accepted it. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Apply, Hold, HoldReason, Key
from kvmreconcile.plan.scene import Scene
from kvmreconcile.tree import Node


def definition_to_store(steps: tuple[Action, ...]) -> Node | None:
    """Return the merged definition that an object's actions would store, or None if they store none."""
    return next((step.tree for step in steps if step.verb.stores and step.tree is not None), None)


def find_invalid(steps: Mapping[Key, tuple[Action, ...]], scene: Scene) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose actions would store an invalid definition, and the hold of each."""
    for key, each in steps.items():
        whole = definition_to_store(each)
        if whole is None:
            continue
        actual = scene.world.observed.actual(key)
        known = {mistake.what for mistake in scene.kinds[key.kind].mistakes(actual.tree)} if actual else set()
        for mistake in scene.kinds[key.kind].mistakes(whole):
            if mistake.what not in known:
                yield key, HoldReason(Hold.INVALID, f"{mistake.place}: {mistake.what}", mistake.todo)
                break


def find_rejected(steps: Mapping[Key, tuple[Action, ...]], scene: Scene) -> Iterator[tuple[Key, HoldReason]]:
    """Yield the objects whose definition libvirt's embedded driver rejects, and the hold of each, until it is approved."""
    for key, why in scene.world.refused.items():
        if key in steps and scene.world.desired[key].policy.apply is not Apply.OBSERVE:
            todo = "fix the spec; or approve this plan to have libvirt's daemon try it"
            yield key, HoldReason(Hold.INVALID, f"libvirt says: {why}", todo)
