"""
Hold a definition that is wrong by itself, or that libvirt's own driver has refused when it was asked.

Stored or not, it would fail in the middle of a plan. What a spec says wrongly is found when it is read; here is what
comes of a spec and of what exists together. What is wrong already is left: libvirt has taken it. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Hold, Key
from kvmreconcile.plan.needs import Scene
from kvmreconcile.plan.suspended import Stop
from kvmreconcile.tree import Node

WHOLE = frozenset({"create", "define", "replace"})
"""Verbs that store a whole definition."""


def definition(steps: tuple[Action, ...]) -> Node | None:
    """Return the whole definition that an object's steps would store, None if they store none."""
    return next((step.tree for step in steps if step.verb in WHOLE and step.tree is not None), None)


def invalid(steps: Mapping[Key, tuple[Action, ...]], scene: Scene) -> Iterator[tuple[Key, Stop]]:
    """Yield the objects whose steps would store a definition that is wrong, and what holds each."""
    for key, each in steps.items():
        whole = definition(each)
        if whole is None:
            continue
        actual = scene.world.observed.actual(key)
        known = {mistake.what for mistake in scene.kinds[key.kind].mistakes(actual.tree)} if actual else set()
        for mistake in scene.kinds[key.kind].mistakes(whole):
            if mistake.what not in known:
                yield key, (Hold.INVALID, f"{mistake.place}: {mistake.what}", mistake.todo, None)
                break
        else:
            if why := scene.world.refused.get(key):
                yield key, (Hold.INVALID, f"libvirt says: {why}", "mend the spec", None)
