"""
Keep the state correct during an execution, so that `kill -9` between two steps does no harm.

Every step is recorded before it begins. The next pass then knows that the step's object is managed
by this instance and is unfinished.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from kvmreconcile.execute.applied_record import AppliedRecord
from kvmreconcile.execute.probation import ProbationLedger
from kvmreconcile.execute.stored_edits import StoredEdits
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Refusal, Settled, Unknown, World
from kvmreconcile.model.verbs import DEFINE
from kvmreconcile.plan.compare.applied import applied_after
from kvmreconcile.plan.compare.digests import fingerprint
from kvmreconcile.plan.compare.in_force import proposal
from kvmreconcile.plan.compare.settled import run_of
from kvmreconcile.state import State
from kvmreconcile.tree import Change, Node


class Ledger:
    """
    The state of the objects of one execution; several threads may use it for different objects.

    Args:
        rolled_back: Objects whose edit the plan rolls back.
    """

    def __init__(
        self, kinds: Mapping[str, Kind], state: State, world: World, rolled_back: Collection[Key] = ()
    ) -> None:
        self._kinds = kinds
        self._state = state
        self._world = world
        self._now = dict(world.applied)
        self._probations = ProbationLedger(kinds, state, world, rolled_back)
        self._edits = StoredEdits(kinds, state, world)
        self._earlier: dict[Key, Applied | None] = {}
        self._started: set[Key] = set()

    def record_start(self, action: Action, deferred: Iterable[Change] = ()) -> None:
        """
        Record, before a step, that this instance manages the object and what the step may add.

        Args:
            deferred: The changes that the step stores but does not make effective.
        """
        desired = self._world.desired.get(action.key)
        if desired is None or action.verb.removes or action.verb.renames:
            # After an interrupted rename, the domain is recognized by its ownership mark.
            return
        known = self._earlier[action.key] = self._now.get(action.key)
        seen = self._world.observed.actual(action.key)
        record = self._record(desired, known)
        if action.verb.makes:
            self._put(record.before_creation(seen))
            return
        if action.verb == DEFINE and seen:
            # These records are stored first, so that the next pass can roll back the changes.
            self._probations.begin(desired, seen, known)
            self._edits.begin(action, seen)
        self._put(record.before_step(action, seen, deferred))

    def restore(self, key: Key) -> None:
        """
        Restore the record from before a failed attempt that left the object unchanged.

        Such an attempt creates or defines an object. If the object stayed recorded as unfinished,
        the next pass would create it again and overwrite an existing object of that name.
        """
        earlier = self._earlier.get(key)
        if earlier is None:
            self._forget(key)
        else:
            self._put(earlier)
        self._probations.restore(key)
        self._edits.restore(key)

    def record_end(self, action: Action) -> None:
        """Record, after a step, that the object is complete, removed or renamed."""
        known, earlier = self._now.get(action.key), self._earlier.get(action.key)
        completing = self._kinds[action.key.kind].completing
        if action.verb.renames and action.former:
            self._state.rename(action.former, action.key)
        elif action.verb.removes:
            self._forget(action.key)
            self._probations.end(action.key)
            self._edits.end(action.key)
        elif action.verb.makes and known:
            self._put(replace(known, complete=not completing or (earlier is not None and earlier.complete)))
            self._edits.end(action.key)
        elif action.verb.name == completing and known:
            self._put(replace(known, complete=True))
        elif action.verb.boots:
            self._started.add(action.key)

    def record_stored(self, key: Key, observe: Callable[[Key], Actual | Unknown | None]) -> None:
        """
        Record a definition as libvirt stored it.

        Args:
            observe: Returns the current state of an object; called only if the object has a stored
                edit.
        """
        seen = self._world.observed.actual(key)
        now = observe(key) if self._edits.get(key) else None
        if seen and isinstance(now, Actual):
            self._edits.record_stored(key, seen, now)

    def is_disputed(self, key: Key, actual: Actual | Unknown | None, planned: Iterable[Change]) -> bool:
        """
        Return whether a value differs both from the stored value and from the previous one.

        Either libvirt normalizes the value and will do so again, or another client changed the
        value after it was stored.

        Args:
            actual: The object as it is now.
            planned: The changes that the plan makes or holds.
        """
        desired, before = self._world.desired.get(key), self._world.applied.get(key)
        if desired is None or not isinstance(actual, Actual):
            return False
        known = {fingerprint(change) for change in planned}
        known |= {each.fingerprint for each in (before.settled if before else ())}
        now = applied_after(desired, actual, self._kinds[key.kind], self._world.instance, before)
        return any(each.fingerprint not in known for each in now.settled)

    def proposed_definition(self, key: Key, actual: Actual) -> Node:
        """Return the present definition of an object, merged with the desired one."""
        desired, before = self._world.desired[key], self._world.applied.get(key)
        return proposal(desired, actual, before, self._kinds[key.kind])

    def settle(
        self, key: Key, actual: Actual | Unknown | None, held: Collection[Action] = ()
    ) -> tuple[Settled, ...]:
        """
        Record that all steps on an object are done, and which values libvirt keeps different.

        Args:
            actual: The object as it is now. If it is unobservable, only its steps are recorded as
                done; the recorded values that libvirt keeps different do not change.
            held: Held actions on the object. A value that differs from the spec because its action
                is held is not recorded as kept by libvirt, and a held edit is not recorded as
                applied.

        Returns:
            The values that libvirt keeps different from the spec and that were not recorded before.
        """
        desired = self._world.desired.get(key)
        if desired is None:
            return ()
        record = self._record(desired, self._now.get(key))
        if not isinstance(actual, Actual):
            self._put(record.after_steps_unobserved(held))
            return ()
        run = run_of(self._world.observed.actual(key), actual, self._started)
        applied = record.after_steps(actual, held, run)
        self._put(record.without_held_edits(applied, held))
        self._edits.settle(desired, actual, applied)
        reported = record.reported_fingerprints()
        return tuple(s for s in applied.settled if s.fingerprint not in reported)

    def refresh(self, key: Key) -> tuple[Settled, ...]:
        """
        Update the state of an object that has no steps.

        Returns:
            The values that libvirt keeps different from the spec and that were not recorded before.
        """
        actual = self._world.observed.actual(key)
        if key not in self._world.desired:
            self._forget(key)
            self._edits.end(key)
        elif actual:
            self._probations.end_if_over(key)
            return self.settle(key, actual)
        return ()

    def record_ready(self, key: Key) -> None:
        """Record that an object became ready with the settings in its spec."""
        self._probations.end(key)

    def is_on_probation(self, key: Key) -> bool:
        """Return whether an object has an edit on probation."""
        return self._probations.is_on_probation(key)

    def record_failure(self, key: Key, why: str) -> None:
        """
        Record that an object does not work with its edit on probation.

        The next pass rolls back the edit.
        """
        self._probations.fail(key, why)

    def record_refusal(self, key: Key, refusal: Refusal, software: str, passes_at: datetime | None) -> None:
        """
        Record that libvirt refused a part of an object's edit.

        The next pass reverts and holds that part.

        Args:
            software: The versions of libvirt and QEMU.
            passes_at: The time of a temporary refusal, or None for a permanent one.
        """
        self._edits.refuse(key, refusal, software, passes_at)

    def is_put_back(self, key: Key) -> bool:
        """Return whether an edit was refused at the object's start and is now reverted."""
        return self._edits.is_put_back(key)

    def clear_refusal(self, key: Key) -> None:
        """Delete the record that an edit was refused at an object's start."""
        self._edits.clear_refusal(key)

    def stored_parts(self, key: Key) -> tuple[tuple[str, ...], ...]:
        """Return the paths of an object's stored changes that are not known to be effective."""
        edit = self._edits.get(key)
        return tuple(dict.fromkeys(c.steps for c in (*edit.changes, *edit.filled))) if edit else ()

    def is_refused(self, key: Key) -> bool:
        """Return whether libvirt refused a part of an object's edit."""
        edit = self._edits.get(key)
        return edit is not None and bool(edit.refused)

    def has_lifecycle(self, key: Key) -> bool:
        """Return whether an object is of a kind that has active and inactive objects."""
        return self._kinds[key.kind].has_lifecycle

    def _record(self, desired: Desired, known: Applied | None) -> AppliedRecord:
        before = self._world.applied.get(desired.key)
        return AppliedRecord(desired, self._kinds[desired.key.kind], self._world.instance, known, before)

    def _put(self, applied: Applied) -> None:
        if self._now.get(applied.key) != applied:
            self._state.put(applied)
            self._now[applied.key] = applied

    def _forget(self, key: Key) -> None:
        if key in self._now:
            self._state.forget(key)
            del self._now[key]
