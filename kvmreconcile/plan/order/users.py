"""
Find the users of an object: objects that refer to its key or to its data, such as by path.

Pure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from kvmreconcile.model import Action, Actual, Key, World
from kvmreconcile.plan.cache import ComparisonCache
from kvmreconcile.plan.order.needs import Rulebooks
from kvmreconcile.plan.order.references import references
from kvmreconcile.tree import Node
from kvmreconcile.tree.paths import under

Users = Mapping[Key, set[Key]]
_SHOWN = 3
"""Maximum number of objects that a message lists. Further objects are only counted."""


def wanted_users(world: World, kinds: Rulebooks) -> Users:
    """Return, by object, the desired objects that refer to it."""
    pairs = (
        (key, target)
        for key, desired in world.desired.items()
        for target, _ in references(desired.tree, kinds[key.kind].rules)
    )
    return _gathered(pairs)


def existing_users(world: World, kinds: Rulebooks) -> Users:
    """Return, by object, the objects on the host that refer to it."""
    return _gathered(_existing(world, kinds))


def _existing(world: World, kinds: Rulebooks) -> Iterator[tuple[Key, Key]]:
    for key, actual in world.observed.objects.items():
        if not isinstance(actual, Actual) or key.kind not in kinds:
            continue
        # A device that was only hot-plugged is in the running definition but not in the stored one.
        for tree in (actual.tree, *filter(None, [actual.live])):
            for child in tree.children:
                targets = references(child, kinds[key.kind].rules, under("", child.tag))
                yield from ((key, target) for target, _ in targets)


def _gathered(pairs: Iterable[tuple[Key, Key]]) -> Users:
    """Return the users of each object. An object is not a user of itself."""
    result: dict[Key, set[Key]] = {}
    for key, target in pairs:
        if key != target:
            result.setdefault(target, set()).add(key)
    return result


def list_first(keys: Collection[Key]) -> str:
    """Return the first few objects as text, and the number of further objects."""
    first, more = ", ".join(map(str, sorted(keys)[:_SHOWN])), len(keys) - _SHOWN
    return f"{first} and {more} more" if more > 0 else first


@dataclass(frozen=True, slots=True)
class DataNames:
    """Objects with data, by all names that a definition may use for them, such as a path."""

    world: World
    kinds: Rulebooks
    cache: ComparisonCache
    _keys: dict[str, dict[str, Key]] = field(default_factory=dict)

    def add(self, keys: Iterable[Key]) -> None:
        """Add objects, whether they exist or not. Objects without data are ignored."""
        views = [partial(view, self.world) for view in (_stored, _live, _wanted)]
        for key in keys:
            data = self.kinds[key.kind].data
            names = (name for view in views for name in data.names(key, view)) if data else ()
            if found := dict.fromkeys(names, key):
                self._keys.setdefault(key.kind, {}).update(found)

    def users_on_host(self) -> Users:
        """Return, by added object, the objects on the host that name it in any definition."""
        return _gathered((actual.key, target) for actual in self._there() for target in self._by_host(actual))

    def users_in_specs(self) -> Users:
        """Return, by added object, the desired objects that name it."""
        wanted = self.world.desired.values() if self._keys else ()
        return _gathered(
            (each.key, target) for each in wanted for target in self._by("wanted", each.key, each.tree)
        )

    def users_after(self, actions: Iterable[Action]) -> Users:
        """Return, by added object, the objects that name it after the steps of a plan."""
        planned = {a.key: a.whole for a in actions if a.whole} if self._keys else {}
        others = (actual for actual in self._there() if actual.key not in planned)
        here = ((actual.key, target) for actual in others for target in self._by_host(actual))
        return _gathered(
            (*here, *((key, target) for key in planned for target in self._by("planned", key, planned[key])))
        )

    def _there(self) -> Iterator[Actual]:
        objects = self.world.observed.objects.values() if self._keys else ()
        yield from (each for each in objects if isinstance(each, Actual))

    def _by_host(self, actual: Actual) -> set[Key]:
        stored = self._by("stored", actual.key, actual.tree)
        return stored | self._by("running", actual.key, actual.live) if actual.live else stored

    def _by(self, which: str, key: Key, tree: Node) -> set[Key]:
        """
        Return the added objects that a definition names.

        Args:
            which: The name of the definition in the cache.
        """
        found: set[Key] = set()
        for kind, keys in self._keys.items():
            what = f"{kind} in {which}"
            known = self.cache.get(what, key)
            if not (isinstance(known, _Named) and known.tree is tree):
                data = self.kinds[kind].data
                known = _Named(tree, frozenset(data.named(tree)) if data else frozenset())
                self.cache.put(what, key, known)
            found |= {keys[name] for name in known.names & keys.keys()}
        return found


@dataclass(frozen=True, slots=True)
class _Named:
    """All names of data that a definition contains, cached between plans."""

    tree: Node
    names: frozenset[str]


def _stored(world: World, key: Key) -> Node | None:
    actual = world.observed.actual(key)
    return actual.tree if actual else None


def _live(world: World, key: Key) -> Node | None:
    actual = world.observed.actual(key)
    return actual.live if actual else None


def _wanted(world: World, key: Key) -> Node | None:
    desired = world.desired.get(key)
    return desired.tree if desired else None
