"""
Refresh libvirt's list of the volumes in a pool before a step relies on this list.

A pool is called a store here. Results are kept, so the stores of an unchanged host are not
refreshed again.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kvmreconcile.host.endpoint import Endpoints
from kvmreconcile.kinds.kind import Kind, Refreshing
from kvmreconcile.model import Actual, Key, Observation, Unknown
from kvmreconcile.tree import is_satisfied_by


@dataclass(slots=True)
class Refreshes:
    """
    The results of the refreshes over one connection.

    A missing object counts as missing until all objects are observed again. Then its store is
    refreshed again, unless the state of the store is known to be unchanged. An existing object
    stays confirmed until its definition changes.
    """

    kinds: Mapping[str, Kind]
    endpoints: Endpoints
    _proved: set[Key] = field(default_factory=set)
    _states: dict[Key, Hashable | None] = field(default_factory=dict)
    _confirmed: dict[Key, Actual] = field(default_factory=dict)

    def begin(self) -> None:
        """Record that all objects are about to be observed again."""
        self._proved.clear()

    def mark_stale(self, keys: Collection[Key]) -> None:
        """Drop the results for some objects, since they may have changed."""
        self._proved.difference_update(keys)
        for key in keys:
            self._states.pop(key, None)
            self._confirmed.pop(key, None)

    def find_stale(self, keys: Collection[Key], observed: Observation) -> set[Key]:
        """Return the objects whose observation may be outdated until a refresh."""
        absent = {key for key in keys if key not in observed.objects and not observed.unobservable_part(key)}
        present = (actual for key in keys if (actual := observed.actual(key)))
        return {*self._unproved(absent), *(each.key for each in present if not self._is_confirmed(each))}

    def refresh(self, keys: Collection[Key]) -> dict[Key, str]:
        """
        Refresh the stores of some objects.

        Returns the objects whose store could not be refreshed, each with the reason.
        """
        failed: dict[Key, str] = {}
        for kind, driver, names in self._by_kind(keys):
            failed |= {
                Key(kind, name): why for name, why in driver.refresh(self._connection(kind), names).items()
            }
        self.mark_stale(failed)
        return failed

    def confirm(self, keys: Collection[Key], observed: Observation) -> None:
        """
        Record the objects that were observed in refreshed stores.

        Args:
            keys: Objects in these stores.
        """
        stores = {_store(key) for key in keys}
        confirmed = {key: each for key, each in self._confirmed.items() if key in observed.objects}
        inside = (each for key, each in observed.objects.items() if _store(key) in stores)
        self._confirmed = confirmed | {each.key: each for each in inside if isinstance(each, Actual)}

    def _unproved(self, absent: set[Key]) -> Iterator[Key]:
        """
        Yield the absent objects that may exist.

        The remaining objects are recorded as not existing.
        """
        asked = absent - self._proved
        for kind, driver, names in self._by_kind(asked):
            for name, state in driver.unlisted(self._connection(kind), names).items():
                key = Key(kind, name)
                if state is None or self._states.get(key) != state:
                    yield key
                self._states[key] = state
        self._proved |= asked

    def _is_confirmed(self, actual: Actual) -> bool:
        """Return whether an object is unchanged since its store was refreshed, or is in no store."""
        before, kind = self._confirmed.get(actual.key), self.kinds[actual.key.kind]
        if not isinstance(kind.driver(), Refreshing):
            return True
        return before is not None and is_satisfied_by(before.tree, actual.tree, kind.rules)

    def _connection(self, kind: str) -> Any:
        return self.endpoints.of(self.kinds[kind].endpoint)

    def _by_kind(self, keys: Collection[Key]) -> Iterator[tuple[str, Refreshing, set[str]]]:
        """Yield each kind of some objects that has stores, its driver, and the names of its objects."""
        for kind in sorted({key.kind for key in keys}):
            driver = self.kinds[kind].driver()
            is_up = not self.endpoints.why_down(self.kinds[kind].endpoint)
            if is_up and isinstance(driver, Refreshing):
                yield kind, driver, {key.name for key in keys if key.kind == kind}


def with_failures(observed: Observation, failed: Mapping[Key, str]) -> Observation:
    """Return an observation in which objects are unknown if their store could not be refreshed."""
    reasons = {
        unobservable.prefix: why
        for key, why in failed.items()
        if (unobservable := observed.unobservable_part(key))
    }
    unknown = {
        key: Unknown(key, f"its pool could not be refreshed: {why}")
        for key, why in failed.items()
        if not observed.unobservable_part(key)
    }
    return Observation(
        {**observed.objects, **unknown},
        tuple(replace(b, why=_with_failure(b.why, reasons.get(b.prefix))) for b in observed.unobservable),
    )


def _with_failure(text: str, why: str | None) -> str:
    return f"{text}; refreshing the pool failed: {why}" if why else text


def _store(key: Key) -> tuple[str, str]:
    return key.kind, key.name.rpartition("/")[0]
