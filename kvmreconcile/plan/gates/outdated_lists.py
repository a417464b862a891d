"""
Find the data for which a plan relies on a list that may be outdated: libvirt lists a pool's volumes from a cache.

The list is then refreshed, the data is observed again, and the plan is made again. Pure.
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
    """Return the objects that hold data and that a spec or the state names, without those that cannot be observed now."""
    named = {*world.applied, *_wanted(world, kinds, cache)}
    return {key for key in named if _is_data(key, kinds) and not world.observed.unobservable_part(key)}


def absent_data(world: World, kinds: Rulebooks, cache: ComparisonCache) -> set[Key]:
    """Return those of the named objects that were not observed."""
    return {key for key in named_data(world, kinds, cache) if key not in world.observed.objects}


def relied_on(plan: Plan, world: World, kinds: Rulebooks, cache: ComparisonCache) -> set[Key]:
    """
    Return the observed objects that hold data and that the plan depends on.

    These are the objects of steps, done or held, those with an obstacle, and those that an object newly refers to.
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
    Yield the objects whose steps would store a new reference to data that cannot be observed, and the hold of each.

    Values that are stored with the reference, such as the format of an image, are read from the data.
    """
    world = context.world
    for key in steps.keys() & world.desired.keys():
        if definition_to_store(steps[key]) is None:
            continue
        for target in sorted(_new_targets(world.desired[key], context.kinds[key.kind], world, context.cache)):
            seen, hidden = world.observed.objects.get(target), world.observed.unobservable_part(target)
            why = seen.why if isinstance(seen, Unknown) else hidden.why if hidden and not seen else ""
            if why and target not in world.desired and _is_data(target, context.kinds):
                release = f"it continues in a later pass, once {target} can be observed"
                yield key, HoldReason(Hold.UNKNOWN, f"{target} cannot be observed: {why}", release)
                break


def _new_targets(desired: Desired, kind: Rulebook, world: World, cache: ComparisonCache) -> set[Key]:
    """Return the objects that a spec refers to and the object's definition does not."""
    actual = world.observed.actual(desired.key)
    known = {target for target, _ in references(actual.tree, kind.rules)} if actual else set()
    return {target for target, _ in referenced_objects(desired, kind, cache)} - known


def _wanted(world: World, kinds: Rulebooks, cache: ComparisonCache) -> Iterator[Key]:
    """Yield the objects that specs define, and those that they refer to."""
    for key, desired in world.desired.items():
        yield key
        yield from (target for target, _ in referenced_objects(desired, kinds[key.kind], cache))


def _is_data(key: Key, kinds: Rulebooks) -> bool:
    return key.kind in kinds and kinds[key.kind].data is not None
