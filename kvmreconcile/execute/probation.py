"""
Keep the state of tried edits true: those that are taken back unless the object turns out to do its work.

Separate from what was last asked for (`ledger.py`), which changes with each edit; this is the way back, and is kept
until the object was seen to be ready. After a kill at any moment the next pass checks again, or continues the way
back.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Actual, Applied, Desired, Key, Probation, World
from kvmreconcile.plan.probation import begin_probation, is_same
from kvmreconcile.state import State


class ProbationLedger:
    """
    The edits of one execution; several threads may use it for different objects.

    Args:
        back: Objects that are wanted as they were before their edit, which is remembered as taken back.
    """

    def __init__(self, kinds: Mapping[str, Kind], state: State, world: World, back: Collection[Key]) -> None:
        self._kinds = kinds
        self._state = state
        self._world = world
        self._back = back
        self._now = dict(world.probations)

    def begin(self, desired: Desired, seen: Actual, known: Applied | None) -> None:
        """Write down the way back from an edit before it is made."""
        if known is None or desired.key in self._back:
            return
        before = self._now.get(desired.key)
        trial = begin_probation(desired, seen, known, before, self._kinds[desired.key.kind])
        if trial:
            self._put(desired.key, trial)

    def take_back(self, key: Key) -> None:
        """Write down what was known before an attempt that changed nothing."""
        before = self._world.probations.get(key)
        if before:
            self._put(key, before)
        else:
            self.end(key)

    def tries(self, key: Key) -> bool:
        """Tell whether the edit that an object's spec says is tried."""
        trial, desired = self._now.get(key), self._world.desired.get(key)
        is_known = trial is not None and desired is not None and not trial.failed
        return is_known and is_same(self._now[key], self._world.desired[key], self._kinds[key.kind])

    def fail(self, key: Key, why: str) -> None:
        """Write down that an object does not do its work with an edit that is tried."""
        self._put(key, replace(self._now[key], failed=why))

    def end(self, key: Key) -> None:
        """Write down that there is no edit that need be taken back, unless one was."""
        if key in self._now and key not in self._back:
            del self._now[key]
            self._state.end_trial(key)

    def end_if_over(self, key: Key) -> None:
        """Forget an edit that the object's spec does not say any more."""
        trial, desired = self._now.get(key), self._world.desired.get(key)
        if trial and desired and not is_same(trial, desired, self._kinds[key.kind]):
            self.end(key)

    def _put(self, key: Key, trial: Probation) -> None:
        if self._now.get(key) != trial:
            self._now[key] = trial
            self._state.try_out(key, trial)
