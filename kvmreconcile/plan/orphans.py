"""Define the removals of a plan: the objects without a spec that are removed, and those whose removal is held."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from kvmreconcile.model import Action, Held, Hold, Key


@dataclass(frozen=True, slots=True)
class Orphans:
    """
    The objects without a spec, and their removals.

    Attributes:
        actions: The removals that run now.
        held: The removals that are held.
        vanished: Objects that no longer exist or are no longer ours. Only their records are
            removed.
        users: By object without a spec, the objects that refer to it in their spec or on the host.
        elsewhere: By source of specs that was not read, the objects from that source.
    """

    actions: tuple[Action, ...] = ()
    held: tuple[Held, ...] = ()
    vanished: tuple[Key, ...] = ()
    users: Mapping[Key, set[Key]] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)

    def released(self) -> "Orphans":
        """Return the removals after an approval, which releases some held removals."""
        free = [h for h in self.held if h.hold in (Hold.PRUNE, Hold.BRAKE, Hold.MOVED)]
        held = tuple(h for h in self.held if h not in free)
        return replace(self, held=held, actions=(*self.actions, *(h.action for h in free)))

    def removes(self, key: Key) -> bool:
        """Return whether an object is removed in this plan."""
        return any(action.key == key for action in self.actions)

    def holding(self, left: Iterable[Action], held: Iterable[Held]) -> "Orphans":
        """Return the removals with `left` as the actions and `held` added to the held removals."""
        return replace(self, actions=tuple(left), held=(*self.held, *held))
