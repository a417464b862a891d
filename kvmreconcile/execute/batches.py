"""
Cut a plan into legs: the steps on one object that are done in one go, and the legs that must be done before.

Separate from doing them, because this follows from the plan alone. Most objects have one leg. A step that must wait
for other objects begins another, so that the steps before it need not wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kvmreconcile.model import Action, Key


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """One of the legs of an object; prints as that."""

    key: Key
    number: int = 0

    def __str__(self) -> str:
        return str(self.key)


@dataclass(slots=True)
class Batches:
    """
    The legs of a plan.

    Attributes:
        steps: Where the steps of each stand in the plan.
        needs: Which objects each waits for, beside its own earlier legs.
    """

    steps: dict[Batch, list[int]] = field(default_factory=dict)
    needs: dict[Batch, set[Key]] = field(default_factory=dict)

    @classmethod
    def of(cls, actions: Sequence[Action]) -> "Batches":
        """Cut what is done to each object into legs."""
        batches, last = cls(), dict[Key, Batch]()
        for index, action in enumerate(actions):
            first = Batch(action.key)
            batch = last.setdefault(action.key, first)
            if action.after and batch in batches.steps:
                batch = last[action.key] = Batch(action.key, batch.number + 1)
            batches.steps.setdefault(batch, []).append(index)
            batches.needs.setdefault(first, set()).update(action.needs)
            batches.needs.setdefault(batch, set()).update(action.after)
        return batches

    def order(self) -> dict[Batch, set[Batch]]:
        """Return for each leg those that must be done before it: of its own object and of what it needs."""
        return {
            batch: {
                *self._all(self.needs[batch] - {batch.key}),
                *(Batch(batch.key, n) for n in range(batch.number)),
            }
            for batch in self.steps
        }

    def _all(self, keys: Iterable[Key]) -> Iterable[Batch]:
        wanted = set(keys)
        return (batch for batch in self.steps if batch.key in wanted)
