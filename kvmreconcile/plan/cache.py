"""Cache results from one plan to the next, so that only changed objects are read and compared again."""

from collections.abc import Collection
from dataclasses import dataclass, field

from kvmreconcile.model import Key


@dataclass(frozen=True, slots=True)
class ComparisonCache:
    """
    Results by type and by object. A plan is the same with and without the cache.

    Each result is stored with all its inputs; a reader checks that these are unchanged.
    """

    _results: dict[tuple[str, Key], object] = field(default_factory=dict)

    def get(self, what: str, key: Key) -> object:
        """Return the result for an object, or None if there is none."""
        return self._results.get((what, key))

    def put(self, what: str, key: Key, result: object) -> None:
        """Store the result for an object, replacing any earlier one."""
        self._results[what, key] = result

    def keep_only(self, keys: Collection[Key]) -> None:
        """Drop the results for all other objects."""
        for each in [each for each in self._results if each[1] not in keys]:
            del self._results[each]

    def __len__(self) -> int:
        return len(self._results)
