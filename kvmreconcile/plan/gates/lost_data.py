"""
Hold the creation of objects whose data existed and is missing: without approval no blank one is created.

The data may only be unavailable, because a disk is not mounted. So each store (a pool) is judged as a whole, by the
names of the objects that were in it. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Apply, Desired, Hold, HoldReason, Key
from kvmreconcile.plan.context import PlanContext
from kvmreconcile.plan.gates.windows import highest_effect
from kvmreconcile.plan.order.users import DataNames, Users, list_first
from kvmreconcile.tree import Effect

_NEXT = "a later pass decides, once the pool can be observed"
_CHECK = "check that the pool's storage is available (file system mounted, device connected)"
_RESTORE = "make the missing data available again, or approve this plan"
Steps = Mapping[Key, tuple[Action, ...]]


def find_lost(context: PlanContext) -> Users:
    """
    Return the desired objects that hold data, were complete and do not exist now, each with its users.

    An object was complete if the state says so, or if an object on the host refers to it. An object whose
    creation was interrupted was never complete.
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
    The known objects of a store, and those that are missing.

    Attributes:
        may_be_unavailable: Whether all objects are missing, including some whose contents do not come from a spec.
    """

    known: set[Key] = field(default_factory=set)
    gone: set[Key] = field(default_factory=set)
    may_be_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class Losses:
    """The missing data."""

    lost: Users
    context: PlanContext

    def at_their_cost(self, steps: Steps) -> dict[Key, tuple[Action, ...]]:
        """Return the steps on all objects, with the effect data loss for those that replace missing data."""
        return {key: self._at_cost(key, actions) for key, actions in steps.items()}

    def _at_cost(self, key: Key, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        if not self._is_created(key) or not self._is_loss(self.context.world.desired[key]):
            return actions
        return tuple(replace(a, effect=Effect.DATA_LOSS) for a in actions)

    def held(self, steps: Steps) -> Iterator[tuple[Key, HoldReason]]:
        """Yield the objects that are not created, since they would replace data or their store may be unavailable, and the reason."""
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
        """Yield what would be created in a store whose data cannot be observed before this plan starts it, and why not."""
        observed, kinds = self.context.world.observed, self.context.kinds
        stores = {_store_of(key) for key in self.lost if observed.unobservable_part(key)}
        for key in steps:
            if kinds[key.kind].data and observed.unobservable_part(key) and _store_of(key) in stores:
                yield key, HoldReason(Hold.UNKNOWN, "the contents of its pool cannot be observed yet", _NEXT)

    def _is_loss(self, desired: Desired) -> bool:
        """Return whether creating an object now would replace its data with other data."""
        # If the spec provides the whole contents, they are the same again, unless they were written to.
        return desired.key in self.lost and (desired.creation.content is None or bool(self.lost[desired.key]))

    def _is_created(self, key: Key) -> bool:
        """Return whether steps on an object create it, and it holds data; an object that only cannot be observed is not created."""
        observed = self.context.world.observed
        is_absent = observed.actual(key) is None and observed.unobservable_part(key) is None
        return is_absent and self.context.kinds[key.kind].data is not None

    def _stores(self) -> dict[tuple[str, str], _Store]:
        """Return each store by kind and name; what cannot be observed now says nothing."""
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
        """Yield the desired objects that hold data and exist."""
        world, kinds = self.context.world, self.context.kinds
        return (k for k in world.desired if kinds[k.kind].data and world.observed.actual(k))

    def _use(self, key: Key) -> Iterator[str]:
        if key in self.lost:
            users = self.lost[key]
            known = self.context.world.applied.get(key)
            what = "it no longer exists" if known and known.complete else "it does not exist"
            yield what + (f", and is used by {list_first(users)}" if users else "")

    def _rest(self, key: Key, store: _Store) -> Iterator[str]:
        """Yield what is to be said of the store that an object is in."""
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
        """Return whether anything exists in the store of an object."""
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
