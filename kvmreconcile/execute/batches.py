"""
Cut a plan into legs: the steps on one object that are done in one go, and the legs that must be done before.

Separate from doing them, because this follows from the plan alone. Most objects have one leg. A step that must wait
for other objects begins another, so that the steps before it need not wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kvmreconcile.model import Action, Key


@dataclass(frozen=True, slots=True, order=True)
class Leg:
    """One of the legs of an object; prints as that."""

    key: Key
    number: int = 0

    def __str__(self) -> str:
        return str(self.key)


@dataclass(slots=True)
class Legs:
    """
    The legs of a plan.

    Attributes:
        steps: Where the steps of each stand in the plan.
        needs: Which objects each waits for, beside its own earlier legs.
    """

    steps: dict[Leg, list[int]] = field(default_factory=dict)
    needs: dict[Leg, set[Key]] = field(default_factory=dict)

    @classmethod
    def of(cls, actions: Sequence[Action]) -> "Legs":
        """Cut what is done to each object into legs."""
        legs, last = cls(), dict[Key, Leg]()
        for index, action in enumerate(actions):
            first = Leg(action.key)
            leg = last.setdefault(action.key, first)
            if action.after and leg in legs.steps:
                leg = last[action.key] = Leg(action.key, leg.number + 1)
            legs.steps.setdefault(leg, []).append(index)
            legs.needs.setdefault(first, set()).update(action.needs)
            legs.needs.setdefault(leg, set()).update(action.after)
        return legs

    def order(self) -> dict[Leg, set[Leg]]:
        """Return for each leg those that must be done before it: of its own object and of what it needs."""
        return {
            leg: {*self._all(self.needs[leg] - {leg.key}), *(Leg(leg.key, n) for n in range(leg.number))}
            for leg in self.steps
        }

    def _all(self, keys: Iterable[Key]) -> Iterable[Leg]:
        wanted = set(keys)
        return (leg for leg in self.steps if leg.key in wanted)
