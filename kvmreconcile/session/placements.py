"""Remember which objects were placed on other hosts, so that an object that moves here is created only when approved."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Applied, Key, Observation, World
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import State


@dataclass(frozen=True, slots=True)
class Placements:
    """The placements of specs on this host and on others, now and before."""

    state: State
    kinds: Mapping[str, Kind]

    def elsewhere(self, specs: Loaded, owners: Mapping[Key, Key]) -> dict[Key, str]:
        """
        Return the objects whose specs are for other hosts, each with these hosts.

        Args:
            owners: The documents that stand for managed objects. If such a document is for other hosts and invalid,
                these objects are for other hosts as well.
        """
        owned = {key: specs.elsewhere[o] for key, o in owners.items() if o in specs.elsewhere}
        return {key: where for key, where in {**owned, **specs.elsewhere}.items() if key not in specs.desired}

    def moved_here(
        self, specs: Loaded, observed: Observation, applied: Mapping[Key, Applied]
    ) -> dict[Key, str]:
        """
        Return the objects that were placed on other hosts before and are not known to have stayed here.

        An object that runs here has never left. A spec of it that comes back is nothing new.
        """
        before = self.state.elsewhere.all()
        return {
            key: where
            for key, where in before.items()
            if key in specs.desired and not self._has_stayed(key, observed, applied)
        }

    def record(self, world: World, begun: Collection[Key] = ()) -> None:
        """
        Store the placements; they are on disk when this returns.

        A placement is kept while no spec of the object is read, such as during an error in its file: the
        object still exists on the other host.

        Args:
            begun: Objects that moved here and of which steps are about to begin, since they were approved.
        """
        here = (world.desired.keys() - world.moved_here.keys()) | set(begun)
        self.state.elsewhere.record(world.elsewhere, self.state.elsewhere.all().keys() - here)

    def _has_stayed(self, key: Key, observed: Observation, applied: Mapping[Key, Applied]) -> bool:
        if self.kinds[key.kind].has_lifecycle:
            return observed.is_active(key)
        return key in applied and observed.actual(key) is not None


def owned_by(frozen: Collection[Key], owners: Mapping[Key, Key]) -> frozenset[Key]:
    """Return the objects of documents that stand for others and that are frozen."""
    return frozenset(key for key, owner in owners.items() if owner in frozen)
