"""
Remember which objects were placed on other hosts, so that an object that moves here is created only when approved.

Such a memory ends only when the approved steps on the object begin, or when the object is known to have stayed here. It
outlasts the spec: specs may be unreadable, or read only in part, between the old placement and the new one.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from kvmreconcile.errors import StateError
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Applied, Key, Observation, World
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import State


@dataclass(frozen=True, slots=True)
class Placements:
    """The placements of specs on this host and on others, now and before."""

    state: State
    kinds: Mapping[str, Kind]

    def complete(self, world: World, specs: Loaded) -> World:
        """Return a world with the owners of objects, and with what is placed on other hosts, now and before."""
        owners = {key: Key.read(owner) for key, owner in self.state.owners.all().items()}
        return replace(
            world,
            frozen=world.frozen | owned_by(specs.frozen, owners),
            present_owners=frozenset(owner.key for owner in specs.owners) | specs.frozen,
            owners=owners | {key: each.owner for key, each in specs.desired.items() if each.owner},
            elsewhere=self.elsewhere(specs, owners),
            moved_here=self.moved_here(specs, world.observed, world.applied),
        )

    def elsewhere(self, specs: Loaded, owners: Mapping[Key, Key]) -> dict[Key, str]:
        """
        Return the objects whose specs are for other hosts, each with these hosts.

        Args:
            owners: The documents that generate managed objects. If such a document is for other hosts,
                these objects are for other hosts as well, even if the document no longer generates them.
        """
        owned = {key: specs.elsewhere[o] for key, o in owners.items() if o in specs.elsewhere}
        return {key: where for key, where in {**owned, **specs.elsewhere}.items() if key not in specs.desired}

    def moved_here(
        self, specs: Loaded, observed: Observation, applied: Mapping[Key, Applied]
    ) -> dict[Key, str]:
        """
        Return the objects that were placed on other hosts before and are not known to have stayed here.

        An object whose owner was placed on other hosts may have existed there, too. An object that runs here
        has never left.
        """
        before, found = self.state.elsewhere.all(), dict[Key, str]()
        for key, desired in specs.desired.items() if before else ():
            where = before.get(key) or (before.get(desired.owner) if desired.owner else None)
            if where and not self._has_stayed(key, observed, applied):
                found[key] = where
        return found

    def record(self, world: World, begun: Collection[Key] = ()) -> None:
        """
        Store the placements; they are on disk when this returns.

        Args:
            begun: Objects that moved here and of which steps are about to begin, since they were approved.
        """
        left = {key: where for key, where in world.moved_here.items() if key not in begun}
        here = {key for key in world.desired if key not in left}
        here |= {desired.owner for desired in world.desired.values() if desired.owner}
        self.state.elsewhere.add({**left, **world.elsewhere}, here - world.elsewhere.keys())

    def record_specs(self, world: World) -> None:
        """Store the file, the owner and the placement of each spec; if that fails, the next pass does it."""
        owners = {key: str(each.owner) for key, each in world.desired.items() if each.owner}
        with suppress(StateError):
            self.state.spec_files.record(world.files, world.applied)
            self.state.owners.record(owners, world.applied.keys() - world.desired.keys())
            self.record(world)

    def _has_stayed(self, key: Key, observed: Observation, applied: Mapping[Key, Applied]) -> bool:
        if self.kinds[key.kind].has_lifecycle:
            return observed.is_active(key)
        return key in applied and observed.actual(key) is not None


def owned_by(frozen: Collection[Key], owners: Mapping[Key, Key]) -> frozenset[Key]:
    """Return the objects of documents that generate others and that are frozen."""
    return frozenset(key for key, owner in owners.items() if owner in frozen)
