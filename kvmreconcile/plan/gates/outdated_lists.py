"""
Find the volumes for which a plan relies on a possibly outdated list of a pool's volumes.

libvirt returns the list from a cache. The caller refreshes the list, observes the volumes again,
and makes the plan again. Pure.
"""

from collections.abc import Iterator, Mapping

from kvmreconcile.model import Action, Desired, Hold, HoldReason, Key, Plan, Unknown, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.compare.cache import referenced_objects
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.invalid import definition_to_store
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.references import references
from kvmreconcile.plan.rulebook import Rulebook


def named_data(world: World, kinds: Rulebooks, cache: ComparisonCache) -> set[Key]:
    """Return the observable objects with data that a spec or the state names, even if missing."""
    named = {*world.applied, *_wanted(world, kinds, cache)}
    return {key for key in named if _is_data(key, kinds) and not world.observed.unobservable_part(key)}


def absent_data(world: World, kinds: Rulebooks, cache: ComparisonCache) -> set[Key]:
    """Return the objects with data that a spec or the state names and that were not observed."""
    return {key for key in named_data(world, kinds, cache) if key not in world.observed.objects}


def relied_on(plan: Plan, world: World, kinds: Rulebooks, cache: ComparisonCache) -> set[Key]:
    """
    Return the observed objects with data that the plan depends on.

    These are objects with steps (including held steps), objects with unusable content, and objects
    to which the steps add references.
    """
    acted_on = plan.names | {held.action.key for held in plan.held}
    found = {*acted_on, *world.obstacles}
    for key in acted_on & world.desired.keys():
        found |= _new_targets(world.desired[key], kinds[key.kind], world, cache)
    return {key for key in found if _is_data(key, kinds) and world.observed.actual(key)}


def find_unobservable(
    steps: Mapping[Key, tuple[Action, ...]], context: PlanContext
) -> Iterator[tuple[Key, HoldReason]]:
    """
    Yield the objects whose steps would store a reference to unobservable data, with the holds.

    Some values that are stored with the reference are read from the data, such as the format of an
    image.
    """
    world = context.world
    for key in steps.keys() & world.desired.keys():
        if definition_to_store(steps[key]) is None:
            continue
        for target in sorted(_new_targets(world.desired[key], context.kinds[key.kind], world, context.cache)):
            seen, hidden = world.observed.objects.get(target), world.observed.unobservable_part(target)
            why = seen.why if isinstance(seen, Unknown) else hidden.why if hidden and not seen else ""
            if why and target not in world.desired and _is_data(target, context.kinds):
                release = f"wait until {target} can be observed"
                yield key, HoldReason(Hold.UNKNOWN, f"{target} cannot be observed: {why}", release)
                break


def _new_targets(desired: Desired, kind: Rulebook, world: World, cache: ComparisonCache) -> set[Key]:
    """Return the objects to which a spec refers and the stored definition does not refer."""
    actual = world.observed.actual(desired.key)
    known = {target for target, _ in references(actual.tree, kind.rules)} if actual else set()
    return {target for target, _ in referenced_objects(desired, kind, cache)} - known


def _wanted(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Iterator[Key]:
    """Yield the objects that specs define, and the objects to which specs refer."""
    for key, desired in world.desired.items():
        yield key
        yield from (target for target, _ in referenced_objects(desired, kinds[key.kind], cache))


def _is_data(key: Key, kinds: Rulebooks) -> bool:
    return key.kind in kinds and kinds[key.kind].data is not None
