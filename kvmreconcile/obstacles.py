"""
Find out what of the content of objects cannot be used: files that new ones start as, and what existing ones hold.

A plan depends on it like on everything that is observed, and reads no file itself.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Key, Obstacle, Plan, World


@dataclass(slots=True)
class Obstacles:
    """What was found out of one host; of an object that has not changed since, nobody asks again."""

    kinds: Mapping[str, Kind]
    connection: Any
    _known: dict[Key, tuple[str, Obstacle | None]] = field(default_factory=dict)

    def in_existing(self, world: World) -> dict[Key, Obstacle]:
        """Return what is wrong with the content of objects that specs want and the host has."""
        wanted = ((key, world.observed.actual(key)) for key in world.desired)
        found = {key: self._damage(actual) for key, actual in wanted if actual and key.kind in self.kinds}
        self._known = {key: known for key, known in self._known.items() if key in found}
        return {key: obstacle for key, obstacle in found.items() if obstacle}

    def in_new(self, plan: Plan) -> dict[Key, Obstacle]:
        """Return what is wrong with the files that a plan would make objects of."""
        steps = (*plan.actions, *(held.action for held in plan.held))
        return dict(self._unusable(steps))

    def _damage(self, actual: Actual) -> Obstacle | None:
        known = self._known.get(actual.key)
        if known is None or known[0] != actual.xml:
            known = actual.xml, self.kinds[actual.key.kind].damage(self.connection, actual)
            self._known[actual.key] = known
        return known[1]

    def _unusable(self, steps: Collection[Action]) -> Iterator[tuple[Key, Obstacle]]:
        # A step that changes what exists needs no content; one that makes it names its whole definition.
        for step in steps:
            if step.content and step.tree and not step.steps:
                obstacle = self.kinds[step.key.kind].unusable(step.tree, step.content)
                if obstacle:
                    yield step.key, obstacle
