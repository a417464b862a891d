"""
Hold the creation of objects whose data existed and is missing now.

Without approval, missing data is not replaced by an empty object. The data may only be unavailable,
for example because a disk is not mounted. So the objects of each store (a pool) are also considered
together. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Apply, Desired, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.windows import highest_effect
from kvmreconcile.plan.order.users import DataNames, Users, list_first
from kvmreconcile.tree import Effect

_NEXT = "wait until the pool can be observed"
_CHECK = "check that the pool's storage is available (file system mounted, device connected)"
_RESTORE = "make the missing data available again, or approve this plan"
Steps = Mapping[Key, tuple[Action, ...]]


def find_lost(context: PlanContext) -> Users:
    """
    Return the complete desired objects with data that no longer exist, each with its users.

    An object was complete if its state record says so. Without a state record, the object counts as
    complete if an object on the host refers to it.
    """
    world, kinds = context.world, context.kinds
    absent = [k for k in world.desired if kinds[k.kind].data and k not in world.observed.objects]
    complete = {k for k in absent if k in world.applied and world.applied[k].complete}
    unknown = {k for k in absent if k not in world.applied}
    names = DataNames(world, kinds, context.cache)
    names.add(k for k in absent if k in unknown or not world.observed.unobservable_part(k))
    users = names.users_on_host()
    return {k: users.get(k, set()) for k in absent if k in complete or (k in unknown and k in users)}


@dataclass(slots=True)
class _Store:
    """
    The objects of a store, such as the volumes of a pool.

    Attributes:
        known: The objects that should exist in the store.
        gone: The objects in `known` that are missing.
        may_be_unavailable: Whether all objects are missing and some of them cannot be created again
            with the same data.
    """

    known: set[Key] = field(default_factory=set)
    gone: set[Key] = field(default_factory=set)
    may_be_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Losses:
    """The missing data, and what follows for the steps of a plan."""

    lost: Users
    context: PlanContext

    def at_their_cost(self, steps: Steps) -> dict[Key, tuple[Action, ...]]:
        """
        Return the steps on all objects.

        Steps that replace missing data get the effect data loss.
        """
        return {key: self._at_cost(key, actions) for key, actions in steps.items()}

    def _at_cost(self, key: Key, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        if not self._is_created(key) or not self._is_loss(self.context.world.desired[key]):
            return actions
        return tuple(replace(a, effect=Effect.DATA_LOSS) for a in actions)

    def held(self, steps: Steps) -> Iterator[tuple[Key, HoldReason]]:
        """
        Yield the objects that are not created without approval, each with its hold.

        They would replace missing data, or their store may be unavailable.
        """
        yield from self._in_unobservable_store(steps)
        created = [key for key in steps if self._is_created(key)]
        stores = self._stores() if created else {}
        for key in created:
            desired, store = self.context.world.desired[key], stores.get(_store_of(key)) or _Store()
            is_risky = store.may_be_unavailable or self._is_loss(desired)
            is_allowed = (
                desired.policy.apply is Apply.OBSERVE or highest_effect(desired.policy) >= Effect.DATA_LOSS
            )
            if is_risky and not is_allowed:
                detail = "; ".join((*self._use(key), *self._rest(key, store)))
                yield key, HoldReason(Hold.MISSING, detail, self._release(desired))

    def _in_unobservable_store(self, steps: Steps) -> Iterator[tuple[Key, HoldReason]]:
        """Yield the objects in an unobservable store with missing data, each with its hold."""
        observed, kinds = self.context.world.observed, self.context.kinds
        stores = {_store_of(key) for key in self.lost if observed.unobservable_part(key)}
        for key in steps:
            if kinds[key.kind].data and observed.unobservable_part(key) and _store_of(key) in stores:
                yield key, HoldReason(Hold.UNKNOWN, "the contents of its pool cannot be observed yet", _NEXT)

    def _is_loss(self, desired: Desired) -> bool:
        """Return whether creating an object now would replace its missing data with other data."""
        # Contents from the spec are the same again, unless a user of the object changed them.
        return desired.key in self.lost and (desired.creation.content is None or bool(self.lost[desired.key]))

    def _is_created(self, key: Key) -> bool:
        """Return whether an object holds data and is absent, so that its steps create it."""
        observed = self.context.world.observed
        is_absent = observed.actual(key) is None and observed.unobservable_part(key) is None
        return is_absent and self.context.kinds[key.kind].data is not None

    def _stores(self) -> dict[tuple[str, str], _Store]:
        """Return the stores by kind and name. Objects that cannot be observed now are left out."""
        world = self.context.world
        found: dict[tuple[str, str], _Store] = {}
        for key in {*self.lost, *self._there()}:
            if world.observed.unobservable_part(key) is None:
                store = found.setdefault(_store_of(key), _Store())
                store.known.add(key)
                if key not in world.observed.objects:
                    store.gone.add(key)
        for store in found.values():
            is_data = any(self._is_loss(world.desired[key]) for key in store.gone)
            store.may_be_unavailable = store.known == store.gone and is_data
        return found

    def _there(self) -> Iterator[Key]:
        """Yield the desired objects with data that exist."""
        world, kinds = self.context.world, self.context.kinds
        return (k for k in world.desired if kinds[k.kind].data and world.observed.actual(k))

    def _use(self, key: Key) -> Iterator[str]:
        if key in self.lost:
            users = self.lost[key]
            known = self.context.world.applied.get(key)
            what = "it no longer exists" if known and known.complete else "it does not exist"
            yield what + (f", and is used by {list_first(users)}" if users else "")

    def _rest(self, key: Key, store: _Store) -> Iterator[str]:
        """Yield text about other missing objects in the store of an object."""
        needs = (str(n) for n in sorted(self.context.needs.direct[key]) if key.name.startswith(f"{n.name}/"))
        place, gone, known = next(needs, _store_of(key)[1]), len(store.gone), len(store.known)
        if store.may_be_unavailable:
            many = f"none of the {known} {key.kind} objects that should already exist in {place} exists"
            only = f"the only {key.kind} that should already exist in {place} does not exist"
            others = self._has_others(key)
            todo = f"other {key.kind} objects exist there" if others else _CHECK
            yield f"{only if known == 1 else many}; {todo}"
        elif gone > 1:
            named = f"{key.kind} objects that should already exist in {place}"
            yield f"{gone} of the {known} {named} do not exist"

    def _has_others(self, key: Key) -> bool:
        """Return whether any object of this kind exists in the store of an object."""
        objects = self.context.world.observed.objects
        return any(other.kind == key.kind and _store_of(other) == _store_of(key) for other in objects)

    def _release(self, desired: Desired) -> str:
        if desired.key not in self.lost:
            return _RESTORE
        if not self._is_loss(desired):
            return f"{_RESTORE}, which creates it again from its source"
        unprotect = 'take "protect: true" out of the spec and ' if desired.policy.protect else ""
        return f"restore it; or, to continue without its data, {unprotect}approve this plan"


def _store_of(key: Key) -> tuple[str, str]:
    return key.kind, key.name.rpartition("/")[0]
