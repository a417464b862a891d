"""
Record edits on probation, which are rolled back unless the object becomes ready.

The changes of the rollback are stored before the edit is made. They are kept until the object is
observed to be ready. If the process is killed, the next pass checks readiness again, or continues
the rollback.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Applied, Desired, Key, Probation, World
from kvmreconcile.plan.probation import begin_probation, is_same_edit
from kvmreconcile.state import State


class ProbationLedger:
    """
    The edits on probation of one execution; several threads may use it for different objects.

    Args:
        rolled_back: Objects whose edit the plan rolls back. These edits stay recorded as failed.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], state: State, world: World, rolled_back: Collection[Key]
    ) -> None:
        self._kinds = kinds
        self._state = state
        self._world = world
        self._rolled_back = rolled_back
        self._now = dict(world.probations)

    def begin(self, desired: Desired, seen: Actual, known: Applied | None) -> None:
        """
        Store the rollback of an edit before the edit is made.

        Args:
            seen: The object as it was observed.
            known: The object's record in the state; without a record, there is no probation.
        """
        if known is None or desired.key in self._rolled_back:
            return
        before = self._now.get(desired.key)
        probation = begin_probation(desired, seen, known, before, self._kinds[desired.key.kind])
        if probation:
            self._put(desired.key, probation)

    def restore(self, key: Key) -> None:
        """Restore the probation from before an attempt that changed nothing."""
        before = self._world.probations.get(key)
        if before:
            self._put(key, before)
        else:
            self.end(key)

    def is_on_probation(self, key: Key) -> bool:
        """Return whether the edit in an object's spec is on probation."""
        probation, desired = self._now.get(key), self._world.desired.get(key)
        is_known = probation is not None and desired is not None and not probation.failed
        return is_known and is_same_edit(self._now[key], self._world.desired[key], self._kinds[key.kind])

    def fail(self, key: Key, why: str) -> None:
        """
        Record that an object does not work with its edit.

        Args:
            why: The error message.
        """
        self._put(key, replace(self._now[key], failed=why))

    def end(self, key: Key) -> None:
        """Delete the probation of an object, unless its edit is being rolled back."""
        if key in self._now and key not in self._rolled_back:
            del self._now[key]
            self._state.end_probation(key)

    def end_if_over(self, key: Key) -> None:
        """Delete the probation of an object if its spec no longer contains the edit."""
        probation, desired = self._now.get(key), self._world.desired.get(key)
        if probation and desired and not is_same_edit(probation, desired, self._kinds[key.kind]):
            self.end(key)

    def _put(self, key: Key, probation: Probation) -> None:
        if self._now.get(key) != probation:
            self._now[key] = probation
            self._state.put_probation(key, probation)
