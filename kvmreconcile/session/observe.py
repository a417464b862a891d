"""
Observe a host: all of it, or only some objects while the rest is taken as last seen.

Separate from passes, which say where to look, and from drivers, which each look at one kind.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable
from kvmreconcile.session.refresh import Refreshes, with_failures
from kvmreconcile.tree import forget_unused

Objects = Mapping[Key, Actual | Unknown]


def observe(kinds: Iterable[Kind], connection: Any) -> Observation:
    """Read all objects of all kinds; the result also names what could not be read."""
    objects: dict[Key, Actual | Unknown] = {}
    unobservable: list[Unobservable] = []
    for kind in kinds:
        seen = kind.driver().observe(connection)
        objects |= seen.objects
        unobservable += seen.unobservable
    return Observation(objects, tuple(unobservable))


@dataclass(slots=True)
class Observer:
    """What was last seen of each object of one connection."""

    kinds: Mapping[str, Kind]
    connection: Any
    _seen: Observation | None = field(default=None)
    _refreshes: Refreshes = field(init=False)

    def __post_init__(self) -> None:
        """Begin without having refreshed anything."""
        self._refreshes = Refreshes(self.kinds, self.connection)

    def all(self) -> Observation:
        """Look at everything."""
        before = self._seen.objects if self._seen else {}
        forget_unused()
        self._refreshes.begin()
        seen = observe(self.kinds.values(), self.connection)
        self._seen = Observation(_kept(seen.objects, before), seen.unobservable)
        return self._seen

    def doubt(self, keys: Collection[Key]) -> None:
        """Have `confirmed` ask again for these objects, as something may have happened to them."""
        self._refreshes.doubt(keys)

    def confirmed(self, keys: Collection[Key]) -> Observation:
        """
        Return what was last observed, true for these objects even if libvirt's list of their store was out of date.

        Refreshes only stores for which that is not known yet; if that fails, these objects are unknown.
        """
        seen = self._seen or self.all()
        stale = self._refreshes.stale(keys, seen)
        if not stale:
            return seen
        failed = self._refreshes.refresh(stale)
        for name in sorted({key.kind for key in stale}):
            for kind in filter(None, (self.kinds[name].inside, name)):
                seen = self._merged(seen, kind, None)
        self._seen = seen = with_failures(seen, failed)
        self._refreshes.confirm(stale - failed.keys(), seen)
        return seen

    def again(self, keys: Collection[Key]) -> Observation:
        """
        Look again at these objects, at what they contain and at what could not be seen before; the rest is as last seen.

        Looks at everything if nothing was seen yet.
        """
        if self._seen is None:
            return self.all()
        unclear = {key for key, each in self._seen.objects.items() if isinstance(each, Unknown)}
        asked = {key for key in {*keys, *unclear, *self._around(keys)} if key.kind in self.kinds}
        whole = {b.prefix.partition("/")[0] for b in self._seen.unobservable}
        outer = {key.kind for key in keys}
        whole |= {name for name, kind in self.kinds.items() if kind.inside in outer}
        for name in sorted({key.kind for key in asked} | whole):
            names = None if name in whole else {key.name for key in asked if key.kind == name}
            self._seen = self._merged(self._seen, name, names)
        return self._seen

    def _around(self, keys: Iterable[Key]) -> Iterator[Key]:
        """Yield what contains these objects, and has less left in it once there are more of them."""
        for key in keys:
            kind = self.kinds.get(key.kind)
            if kind and kind.inside:
                yield Key(kind.inside, key.name.partition("/")[0])

    def _merged(self, before: Observation, name: str, names: set[str] | None) -> Observation:
        """Return what was seen before, with objects of one kind observed anew: those of some names, or all (None)."""
        seen = self.kinds[name].driver().observe(self.connection, names)

        def is_asked(key: Key) -> bool:
            return key.kind == name and (names is None or key.name in names)

        objects = {key: each for key, each in before.objects.items() if not is_asked(key)}
        objects |= _kept(seen.objects, before.objects)
        # Of a kind that is asked for some names only, nothing was hidden before.
        unobservable = (b for b in before.unobservable if not b.prefix.startswith(f"{name}/"))
        return Observation(objects, (*unobservable, *seen.unobservable))


def _kept(seen: Objects, before: Objects) -> dict[Key, Actual | Unknown]:
    """Return what was seen, with the earlier value wherever the two are equal, so that only one of them is kept."""
    return {key: was if (was := before.get(key)) == each else each for key, each in seen.items()}
