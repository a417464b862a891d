"""Observe all objects of a host, or some objects while keeping the last observation of the others."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable
from kvmreconcile.session.pool_refresh import Refreshes, with_failures
from kvmreconcile.tree import forget_unused

Objects = Mapping[Key, Actual | Unknown]


def observe(kinds: Iterable[Kind], connection: Any) -> Observation:
    """Read all objects of all kinds; the result also lists what is unobservable."""
    objects: dict[Key, Actual | Unknown] = {}
    unobservable: list[Unobservable] = []
    for kind in kinds:
        observed = kind.driver().observe(connection)
        objects |= observed.objects
        unobservable += observed.unobservable
    return Observation(objects, tuple(unobservable))


@dataclass(slots=True)
class Observer:
    """The last observation of each object of one connection."""

    kinds: Mapping[str, Kind]
    connection: Any
    _last: Observation | None = field(default=None)
    _refreshes: Refreshes = field(init=False)

    def __post_init__(self) -> None:
        """Start without any observation."""
        self._refreshes = Refreshes(self.kinds, self.connection)

    def all(self) -> Observation:
        """Observe everything."""
        before = self._last.objects if self._last else {}
        forget_unused()
        self._refreshes.begin()
        observed = observe(self.kinds.values(), self.connection)
        self._last = Observation(_reuse_equal(observed.objects, before), observed.unobservable)
        return self._last

    def mark_stale(self, keys: Collection[Key]) -> None:
        """Make `confirmed` check these objects again, as they may have changed."""
        self._refreshes.mark_stale(keys)

    def confirmed(self, keys: Collection[Key]) -> Observation:
        """
        Return the last observation; for these objects, it does not depend on an outdated list of their store (pool).

        Stores are refreshed unless their list is known to be up to date. If a refresh fails, the objects are unknown.
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
        Observe these objects again, with the objects in them and those that were unobservable; keep the others.

        Observes everything if there is no observation yet.
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
        """Yield the objects that contain these objects; their free space may have changed."""
        for key in keys:
            kind = self.kinds.get(key.kind)
            if kind and kind.inside:
                yield Key(kind.inside, key.name.partition("/")[0])

    def _merged(self, before: Observation, name: str, names: set[str] | None) -> Observation:
        """Return an observation with objects of one kind observed again: those of some names, or all (None)."""
        observed = self.kinds[name].driver().observe(self.connection, names)

        def is_asked(key: Key) -> bool:
            return key.kind == name and (names is None or key.name in names)

        objects = {key: each for key, each in before.objects.items() if not is_asked(key)}
        objects |= _reuse_equal(observed.objects, before.objects)
        # If a kind is observed by names, none of its objects was unobservable before.
        unobservable = (b for b in before.unobservable if not b.prefix.startswith(f"{name}/"))
        return Observation(objects, (*unobservable, *observed.unobservable))


def _reuse_equal(observed: Objects, before: Objects) -> dict[Key, Actual | Unknown]:
    """Return the new values, but the earlier value where both are equal, so that only one of them is in memory."""
    return {key: was if (was := before.get(key)) == each else each for key, each in observed.items()}
