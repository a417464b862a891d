"""
What is seen of a host, and how a second look need not be at all of it.

Separate from passes, which say where to look, and from drivers, which each look at one kind.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Blind, Key, Observation, Unknown
from kvmreconcile.tree import forget_unused

Objects = Mapping[Key, Actual | Unknown]
_INSIDE = {"StoragePool": "Volume"}
"""Objects of a kind that libvirt tells nothing about by itself, by the kind of what they are in."""


def observe(kinds: Iterable[Kind], connection: Any) -> Observation:
    """Read all objects of all kinds; what could not be read is in the answer too."""
    objects: dict[Key, Actual | Unknown] = {}
    blind: list[Blind] = []
    for kind in kinds:
        seen = kind.driver().observe(connection)
        objects |= seen.objects
        blind += seen.blind
    return Observation(objects, tuple(blind))


@dataclass(slots=True)
class Sight:
    """What was last seen of each object of one connection."""

    kinds: Mapping[str, Kind]
    connection: Any
    _seen: Observation | None = field(default=None)

    def all(self) -> Observation:
        """Look at everything."""
        before = self._seen.objects if self._seen else {}
        forget_unused()
        seen = observe(self.kinds.values(), self.connection)
        self._seen = Observation(_kept(seen.objects, before), seen.blind)
        return self._seen

    def again(self, keys: Collection[Key]) -> Observation:
        """
        Look again at these, at what is in them and at what could not be seen; the rest is as it was seen last.

        Looks at everything if nothing was seen yet.
        """
        if self._seen is None:
            return self.all()
        unclear = {key for key, each in self._seen.objects.items() if isinstance(each, Unknown)}
        asked = {key for key in {*keys, *unclear} if key.kind in self.kinds}
        whole = {b.prefix.partition("/")[0] for b in self._seen.blind}
        whole |= {_INSIDE[key.kind] for key in keys if key.kind in _INSIDE}
        for name in sorted({key.kind for key in asked} | whole):
            names = None if name in whole else {key.name for key in asked if key.kind == name}
            self._seen = self._merged(self._seen, name, names)
        return self._seen

    def _merged(self, before: Observation, name: str, names: set[str] | None) -> Observation:
        """Return what was seen, with objects of one kind seen anew: those of some names, or all (None)."""
        seen = self.kinds[name].driver().observe(self.connection, names)

        def is_asked(key: Key) -> bool:
            return key.kind == name and (names is None or key.name in names)

        objects = {key: each for key, each in before.objects.items() if not is_asked(key)}
        objects |= _kept(seen.objects, before.objects)
        # Of a kind that is asked for some names only, nothing was hidden before.
        blind = (b for b in before.blind if not b.prefix.startswith(f"{name}/"))
        return Observation(objects, (*blind, *seen.blind))


def _kept(seen: Objects, before: Objects) -> dict[Key, Actual | Unknown]:
    """Return what was seen, with what is as it was before in the place of its equal: one of them is enough."""
    return {key: was if (was := before.get(key)) == each else each for key, each in seen.items()}
