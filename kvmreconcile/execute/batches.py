"""
Split a plan into batches of consecutive steps on one object, and find each batch's prerequisites.

Most objects have one batch. A step that waits for other objects begins a new batch, so that the
steps before it do not wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kvmreconcile.model import Action, Key


@dataclass(frozen=True, slots=True, order=True)
class Batch:
    """A batch of an object, identified by its number; `str` returns the object's key."""

    key: Key
    number: int = 0

    def __str__(self) -> str:
        return str(self.key)


@dataclass(slots=True)
class Batches:
    """
    The batches of a plan.

    Attributes:
        steps: For each batch, the indices of its steps in the plan.
        needs: For each batch, the objects that it waits for. A batch also waits for the earlier
            batches of its own object.
    """

    steps: dict[Batch, list[int]] = field(default_factory=dict)
    needs: dict[Batch, set[Key]] = field(default_factory=dict)

    @classmethod
    def of(cls, actions: Sequence[Action]) -> "Batches":
        """Split the steps on each object into batches."""
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
        """
        Return, for each batch, the batches that must end before it begins.

        These are the earlier batches of its own object and all batches of the objects that it
        needs.
        """
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
