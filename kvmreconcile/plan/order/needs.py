"""Find the references of each desired object, the order of objects, and invalid references."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from kvmreconcile.errors import Problem
from kvmreconcile.model import Action, Key, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.compare.cache import referenced_objects
from kvmreconcile.plan.order.conflicting_specs import find_spec_conflicts
from kvmreconcile.plan.order.references import sort_by_needs
from kvmreconcile.plan.rulebook import Rulebook

Rulebooks = Mapping[str, Rulebook]


@dataclass(frozen=True, slots=True)
class Needs:
    """
    The references between the desired objects, and the order that results from them.

    Attributes:
        sequence: The desired objects. Each object comes after the objects that it needs.
        direct: By object, the objects that it refers to.
        left_out: By object that cannot be ordered, the reason in a few words.
        problems: The errors as messages for the author of the spec.
        notes: Warnings about specs. They do not block the plan.
    """

    sequence: tuple[Key, ...]
    direct: Mapping[Key, frozenset[Key]]
    left_out: Mapping[Key, str]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()

    def among(self, key: Key, planned: Collection[Key]) -> tuple[Key, ...]:
        """
        Return the planned objects that an object needs, directly or through other objects.

        Args:
            planned: The objects that have steps in the plan.
        """
        found: set[Key] = set()
        seen: set[Key] = set()
        left = list(self.direct.get(key, ()))
        while left:
            need = left.pop()
            if need in seen:
                continue
            seen.add(need)
            if need in planned:
                found.add(need)
            else:
                left += self.direct.get(need, ())
        return tuple(sorted(found))

    def waiting(self, actions: Iterable[Action]) -> tuple[Action, ...]:
        """Return the steps, each with the planned objects for which it must wait."""
        actions = tuple(actions)
        planned = {a.key for a in actions}
        return tuple(replace(a, needs=self.among(a.key, planned)) for a in actions)


def find_needs(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Needs:
    """Find the references of each desired object, and objects with missing or cyclic references."""
    direct: dict[Key, frozenset[Key]] = {}
    conflicts = find_spec_conflicts(world, kinds, cache)
    left_out, problems = dict(conflicts.left_out), list(conflicts.problems)
    for key, desired in sorted(world.desired.items()):
        if key in world.frozen:
            continue
        targets = referenced_objects(desired, kinds[key.kind], cache)
        direct[key] = frozenset(k for k, _ in targets if k != key)
        required = {k for k, ref in targets if ref.required}.union(desired.after)
        for target in sorted(k for k in required if not _may_exist(k, world, kinds)):
            what = f"{key} refers to {target}, which no spec defines and which does not exist on the host"
            problems.append(
                Problem(str(desired.place_of(target)), what, "add a spec for it, or correct the name")
            )
            left_out.setdefault(key, f"refers to {target}, which does not exist")
    # `after` is not a reference, but an object is still ordered after the objects in `after`.
    before = {k: wants.union(world.desired[k].after) for k, wants in direct.items()}
    sequence, cycles = sort_by_needs({k: wants for k, wants in before.items() if k not in left_out})
    for cycle in cycles:
        problems.append(_circle(cycle, world))
        left_out |= dict.fromkeys(cycle, "is part of a dependency cycle")
    return Needs(sequence, direct, left_out, tuple(problems), conflicts.notes)


def _may_exist(key: Key, world: World, kinds: Rulebooks) -> bool:
    known = key in world.desired or key in world.observed.objects or key in world.frozen
    return known or key.kind not in kinds or world.observed.unobservable_part(key) is not None


def _circle(cycle: tuple[Key, ...], world: World) -> Problem:
    chain = (*cycle, cycle[0])
    what = f"dependency cycle: {' → '.join(map(str, chain))}"
    return Problem(str(world.desired[chain[0]].place_of(chain[1])), what, "remove one of these references")
