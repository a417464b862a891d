"""Observe all objects of a host, or observe some objects again and keep the other observations."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from kvmreconcile.errors import Unavailable
from kvmreconcile.host.endpoint import Endpoints
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable
from kvmreconcile.session.pool_refresh import Refreshes, with_failures
from kvmreconcile.tree import forget_unused

Objects = Mapping[Key, Actual | Unknown]


def observe(kinds: Iterable[Kind], endpoints: Endpoints) -> Observation:
    """Observe all objects of the given kinds. The result also lists what cannot be observed."""
    objects: dict[Key, Actual | Unknown] = {}
    unobservable: list[Unobservable] = []
    for kind in kinds:
        observed = observe_kind(kind, endpoints)
        objects |= observed.objects
        unobservable += observed.unobservable
    return Observation(objects, tuple(unobservable))


def observe_kind(kind: Kind, endpoints: Endpoints, names: Collection[str] | None = None) -> Observation:
    """
    Observe all objects of a kind, or those with the given names.

    If the endpoint of the kind is down, all objects of the kind are unobservable.
    """
    try:
        return kind.driver().observe(endpoints.of(kind.endpoint), names)
    except Unavailable as error:
        return Observation({}, (Unobservable(f"{kind.name}/", str(error)),))


@dataclass(slots=True)
class Observer:
    """The last observation of each object of some endpoints."""

    kinds: Mapping[str, Kind]
    endpoints: Endpoints
    _last: Observation | None = field(default=None)
    _refreshes: Refreshes = field(init=False)

    def __post_init__(self) -> None:
        """Create the record of refreshed stores."""
        self._refreshes = Refreshes(self.kinds, self.endpoints)

    def all(self) -> Observation:
        """Observe all objects."""
        before = self._last.objects if self._last else {}
        forget_unused()
        self._refreshes.begin()
        observed = observe(self.kinds.values(), self.endpoints)
        self._last = Observation(_reuse_equal(observed.objects, before), observed.unobservable)
        return self._last

    def mark_stale(self, keys: Collection[Key]) -> None:
        """Make `confirmed` check some objects again, since they may have changed."""
        self._refreshes.mark_stale(keys)

    def confirmed(self, keys: Collection[Key]) -> Observation:
        """
        Return the last observation, with some objects from an up-to-date list of their store.

        A store (pool) is refreshed unless its list is known to be up to date. If a refresh fails,
        the objects in the store are unknown.
        """
        observed = self._last or self.all()
        stale = self._refreshes.find_stale(keys, observed)
        if not stale:
            return observed
        failed = self._refreshes.refresh(stale)
        for name in sorted({key.kind for key in stale}):
            for kind in filter(None, (self.kinds[name].inside, name)):
                observed = self._merged(observed, kind, None)
        self._last = observed = with_failures(observed, failed)
        self._refreshes.confirm(stale - failed.keys(), observed)
        return observed

    def again(self, keys: Collection[Key]) -> Observation:
        """
        Observe some objects again, and keep the last observation of all other objects.

        Their contents and containers, and all objects that were unobservable, are observed again as
        well. If there is no observation yet, all objects are observed.
        """
        if self._last is None:
            return self.all()
        unclear = {key for key, each in self._last.objects.items() if isinstance(each, Unknown)}
        asked = {key for key in {*keys, *unclear, *self._containers(keys)} if key.kind in self.kinds}
        whole = {b.prefix.partition("/")[0] for b in self._last.unobservable}
        outer = {key.kind for key in keys}
        whole |= {name for name, kind in self.kinds.items() if kind.inside in outer}
        for name in sorted({key.kind for key in asked} | whole):
            names = None if name in whole else {key.name for key in asked if key.kind == name}
            self._last = self._merged(self._last, name, names)
        return self._last

    def _containers(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Yield the containers of some objects, whose free space may have changed."""
        for key in keys:
            kind = self.kinds.get(key.kind)
            if kind and kind.inside:
                yield Key(kind.inside, key.name.partition("/")[0])

    def _merged(self, before: Observation, name: str, names: set[str] | None) -> Observation:
        """
        Return an observation in which objects of one kind were observed again.

        Args:
            name: The kind.
            names: The names of the objects to observe, None for all objects of the kind.
        """
        observed = observe_kind(self.kinds[name], self.endpoints, names)

        def is_asked(key: Key) -> bool:
            return key.kind == name and (names is None or key.name in names)

        objects = {key: each for key, each in before.objects.items() if not is_asked(key)}
        objects |= _reuse_equal(observed.objects, before.objects)
        # A kind is observed by names only if none of its objects was unobservable before.
        unobservable = (b for b in before.unobservable if not b.prefix.startswith(f"{name}/"))
        return Observation(objects, (*unobservable, *observed.unobservable))


def _reuse_equal(observed: Objects, before: Objects) -> dict[Key, Actual | Unknown]:
    """Return the new values, with equal values replaced by the earlier ones to save memory."""
    return {key: was if (was := before.get(key)) == each else each for key, each in observed.items()}
