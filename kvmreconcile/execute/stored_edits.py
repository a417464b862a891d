"""
Record how to roll back stored edits that are not effective yet or that libvirt partly refused.

The changes of the rollback are stored before libvirt stores the definition. They are kept until the
whole edit is effective. If the process is killed, the next pass either makes the edit effective or
rolls it back.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Actual, Applied, Desired, Key, Refusal, StoredEdit, World
from kvmreconcile.plan.gates.refused_edits import (
    Storing,
    add_refusal,
    digest_of_edit,
    is_in_force,
    still_refused,
)
from kvmreconcile.state import State


class StoredEdits:
    """The stored edits of one execution; several threads may use it for different objects."""

    def __init__(self, kinds: Mapping[str, Kind], state: State, world: World) -> None:
        self._kinds = kinds
        self._state = state
        self._world = world
        self._now = dict(world.edits)

    def begin(self, action: Action, before: Actual) -> None:
        """
        Store how to roll back a definition, before libvirt stores the new one.

        An inactive object has no rollback: a user may rely on the object not starting with its old
        definition.

        Args:
            before: The object before the step.
        """
        desired = self._world.desired[action.key]
        if before.active or desired.refused_parts:
            storing = Storing(desired, before, self._kinds[action.key.kind])
            self._put(action.key, storing.before(self._now.get(action.key), action.definition))
        else:
            self.end(action.key)

    def record_stored(self, key: Key, before: Actual, now: Actual) -> None:
        """
        Record a definition as libvirt stored it.

        Args:
            before: The object before the definition was stored.
            now: The object after that.
        """
        storing = Storing(self._world.desired[key], before, self._kinds[key.kind])
        self._put(key, storing.after(self._now[key], now.tree))

    def restore(self, key: Key) -> None:
        """Restore the stored edit from before an attempt that changed nothing."""
        before = self._world.edits.get(key)
        if before:
            self._put(key, before)
        else:
            self.end(key)

    def get(self, key: Key) -> StoredEdit | None:
        """Return the stored edit of an object, or None."""
        return self._now.get(key)

    def refuse(self, key: Key, refusal: Refusal, software: str, passes_at: datetime | None) -> None:
        """
        Record that libvirt refused a part of an edit; the next pass reverts that part.

        Args:
            software: The versions of libvirt and QEMU.
            passes_at: The time of a temporary refusal. None means a permanent refusal, which lasts
                until these versions or the spec change.
        """
        name = digest_of_edit(self._world.desired[key], self._kinds[key.kind])
        edit = self._now.get(key, StoredEdit(name))
        if edit.edit != name:
            edit = replace(edit, edit=name, refused=())
        self._put(key, add_refusal(edit, refusal, software, passes_at))

    def is_put_back(self, key: Key) -> bool:
        """Return whether an edit was refused at the object's start and is now reverted."""
        edit, desired = self._now.get(key), self._world.desired.get(key)
        by_start = edit is not None and any(not refusal.within for refusal in edit.refused)
        return by_start and desired is not None and desired.refused_parts is not None

    def clear_refusal(self, key: Key) -> None:
        """
        Delete the record of a refused start; the object does not start without the edit either.

        The cause is on the host, for example an existing bridge of the same name. The next pass
        applies the edit again.
        """
        edit = self._now[key]
        others = tuple(refusal for refusal in edit.refused if refusal.within)
        if others:
            self._put(key, replace(edit, refused=others))
        else:
            self.end(key)

    def settle(self, desired: Desired, actual: Actual, applied: Applied) -> None:
        """
        Record that all steps on an object are done.

        Args:
            applied: The object's new record in the state.
        """
        edit = self._now.get(desired.key)
        if edit is None:
            return
        left = still_refused(edit, desired)
        if is_in_force(desired, actual, applied, self._kinds[desired.key.kind]):
            left = replace(left, changes=(), filled=())
        if left.changes or left.refused:
            self._put(desired.key, left)
        else:
            self.end(desired.key)

    def end(self, key: Key) -> None:
        """Delete the stored edit of an object."""
        if key in self._now:
            del self._now[key]
            self._state.end_edit(key)

    def _put(self, key: Key, edit: StoredEdit) -> None:
        if self._now.get(key) != edit:
            self._now[key] = edit
            self._state.put_edit(key, edit)
