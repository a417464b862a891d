"""Cache results between plans, so that only changed objects are compared again."""

from collections.abc import Collection
from dataclasses import dataclass, field

from kvmreconcile.model import Key


@dataclass(frozen=True, slots=True)
class ComparisonCache:
    """
    Cached results, by type of result and by object. The cache never changes the outcome of a plan.

    Each result is stored with all its inputs. Callers check that the inputs are unchanged before
    they use a result.
    """

    _results: dict[tuple[str, Key], object] = field(default_factory=dict)

    def get(self, what: str, key: Key) -> object:
        """Return the cached result for an object, or None. `what`: the type of result."""
        return self._results.get((what, key))

    def put(self, what: str, key: Key, result: object) -> None:
        """Store the result for an object. An earlier result is replaced."""
        self._results[what, key] = result

    def keep_only(self, keys: Collection[Key]) -> None:
        """Drop the results for all objects except the given ones."""
        for each in [each for each in self._results if each[1] not in keys]:
            del self._results[each]

    def __len__(self) -> int:
        return len(self._results)
