"""
Find what prevents objects from being created, used or started.

Obstacles are unusable content and missing host components. Content means the source files of new
volumes, and the data of existing volumes. Obstacles are an input of the plan, like observations,
since planning itself does not read files.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from kvmreconcile.host.endpoint import Endpoints
from kvmreconcile.kinds.kind import Kind, Lacks
from kvmreconcile.model import Action, Actual, Key, Obstacle, Plan, World
from kvmreconcile.model.verbs import STOP


@dataclass(slots=True)
class Obstacles:
    """Finds the obstacles on one host. An object's content is checked again only after a change."""

    kinds: Mapping[str, Kind]
    endpoints: Endpoints
    _known: dict[Key, tuple[str, Obstacle | None]] = field(default_factory=dict)

    def find_damage(self, world: World) -> dict[Key, Obstacle]:
        """Return the existing objects with a spec and damaged content, with the damage."""
        wanted = ((key, world.observed.actual(key)) for key in world.desired)
        found = {key: self._damage(actual) for key, actual in wanted if actual and key.kind in self.kinds}
        self._known = {key: known for key, known in self._known.items() if key in found}
        return {key: obstacle for key, obstacle in found.items() if obstacle}

    def find_unusable(self, plan: Plan) -> dict[Key, Obstacle]:
        """Return the volumes of a plan whose source file cannot be used, each with the reason."""
        steps = (*plan.actions, *(held.action for held in plan.held))
        return dict(self._unusable(steps))

    def find_lacking(self, plan: Plan, world: World) -> dict[Key, Obstacle]:
        """Return, by object that a plan would store or start, what the host lacks for it."""
        up = {name: kind for name, kind in self.kinds.items() if not self.endpoints.why_down(kind.endpoint)}
        lacks = {name: kind.lacks(self.endpoints.of(kind.endpoint)) for name, kind in up.items()}
        steps: defaultdict[Key, list[Action]] = defaultdict(list)
        for step in (*plan.actions, *(held.action for held in plan.held)):
            if step.key.kind in lacks:
                steps[step.key].append(step)
        stores = self._stores(world)
        found: dict[Key, Obstacle] = {}
        for key, each in steps.items():
            for obstacle in _new(lacks[key.kind], each, world.observed.actual(key)):
                if not _may_appear(obstacle.file, stores, world):
                    found.setdefault(key, obstacle)
        return found

    def _stores(self, world: World) -> dict[str, Key]:
        """Return the desired containers of other objects, such as pools, by directory."""
        places = {self.kinds[key.kind].place(desired.tree): key for key, desired in world.desired.items()}
        return {place.rstrip("/"): key for place, key in places.items() if place.startswith("/")}

    def _damage(self, actual: Actual) -> Obstacle | None:
        known = self._known.get(actual.key)
        if known is None or known[0] != actual.xml:
            kind = self.kinds[actual.key.kind]
            known = actual.xml, kind.damage(self.endpoints.of(kind.endpoint), actual)
            self._known[actual.key] = known
        return known[1]

    def _unusable(self, steps: Collection[Action]) -> Iterator[tuple[Key, Obstacle]]:
        # Only a step that creates an object needs content. Such a step has the whole definition.
        for step in steps:
            if step.content and step.tree and not step.steps:
                obstacle = self.kinds[step.key.kind].unusable(step.tree, step.content)
                if obstacle:
                    yield step.key, obstacle


def _new(lacks: Lacks, steps: Sequence[Action], actual: Actual | None) -> Iterator[Obstacle]:
    """
    Yield what the host lacks for the steps on an object.

    Unless the steps start the object, obstacles of its stored definition are left out.
    """
    stored = next((step.tree for step in steps if step.verb.stores), None)
    starts = any(step.verb.activates for step in steps)
    stops = any(step.verb == STOP for step in steps)
    runs = starts or (actual is not None and actual.active and not stops)
    definition = stored or (actual.tree if actual and starts else None)
    if definition is None:
        return
    known = set() if starts or actual is None else set(lacks(actual.tree, runs=runs))
    yield from (obstacle for obstacle in lacks(definition, runs=runs) if obstacle not in known)


def _may_appear(file: str, stores: Mapping[str, Key], world: World) -> bool:
    """
    Return whether a missing file may exist after the plan.

    That is so if the pool of the file is inactive, or if a spec defines the file's volume.
    """
    path = PurePath(file)
    for parent in path.parents if file else ():
        if store := stores.get(str(parent)):
            name = f"{store.name}/{path.relative_to(parent)}"
            return not world.observed.is_active(store) or any(key.name == name for key in world.desired)
    return False
