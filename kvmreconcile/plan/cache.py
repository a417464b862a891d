"""Keep results from one plan to the next, so that only what changed is read and compared again."""

from collections.abc import Collection
from dataclasses import dataclass, field

from kvmreconcile.model import Key


@dataclass(frozen=True, slots=True)
class ComparisonCache:
    """
    Results by what they are and by object. It saves work and decides nothing: a plan is the same without it.

    Each result is kept with everything that it depends on; a reader checks that this is unchanged.
    """

    _results: dict[tuple[str, Key], object] = field(default_factory=dict)

    def get(self, what: str, key: Key) -> object:
        """Return a result for an object, None if there is none."""
        return self._results.get((what, key))

    def put(self, what: str, key: Key, result: object) -> None:
        """Keep a result for an object in place of an earlier one."""
        self._results[what, key] = result

    def keep_only(self, keys: Collection[Key]) -> None:
        """Drop the results for all other objects."""
        for each in [each for each in self._results if each[1] not in keys]:
            del self._results[each]

    def __len__(self) -> int:
        return len(self._results)
