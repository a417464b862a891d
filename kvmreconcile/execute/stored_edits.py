"""
Keep the ways back from stored edits true: those of which libvirt may still refuse a step, and those it refused.

The way back is written before the definition is, and kept until all that is stored is in force. After a kill at any
moment the next pass either brings the edit into force or takes it back.
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

    def begin(self, action: Action, seen: Actual) -> None:
        """
        Write down the way back from a definition before it is written over that of an object.

        One that is not active has none: who edits it may rely on its not being started as it was.
        """
        desired = self._world.desired[action.key]
        if seen.active or desired.kept:
            storing = Storing(desired, seen, self._kinds[action.key.kind])
            self._put(action.key, storing.before(self._now.get(action.key), action.definition))
        else:
            self.end(action.key)

    def stored(self, key: Key, seen: Actual, now: Actual) -> None:
        """Write down what libvirt has made of a definition that was just written; `seen` is the object before."""
        storing = Storing(self._world.desired[key], seen, self._kinds[key.kind])
        self._put(key, storing.after(self._now[key], now.tree))

    def take_back(self, key: Key) -> None:
        """Write down what was known before an attempt that changed nothing."""
        before = self._world.edits.get(key)
        if before:
            self._put(key, before)
        else:
            self.end(key)

    def get(self, key: Key) -> StoredEdit | None:
        """Return what is remembered of an object's edit, None if it has none."""
        return self._now.get(key)

    def refuse(self, key: Key, refusal: Refusal, software: str, passes_at: datetime | None) -> None:
        """
        Write down that a part of an edit was refused; it is put back by the next pass.

        Args:
            software: The versions of libvirt and QEMU.
            passes_at: The moment of a refusal that may pass; None where it is the same as long as these and the spec
                are.
        """
        name = digest_of_edit(self._world.desired[key], self._kinds[key.kind])
        edit = self._now.get(key, StoredEdit(name))
        if edit.edit != name:
            edit = replace(edit, edit=name, refused=())
        self._put(key, add_refusal(edit, refusal, software, passes_at))

    def is_put_back(self, key: Key) -> bool:
        """Tell whether the start of an object refused its edit, and what is stored now is without it."""
        edit, desired = self._now.get(key), self._world.desired.get(key)
        by_start = edit is not None and any(not refusal.within for refusal in edit.refused)
        return by_start and desired is not None and desired.kept is not None

    def clear_refusal(self, key: Key) -> None:
        """
        Forget that the start of an object refused its edit, as it has failed without the edit, too.

        The host is the reason, such as a bridge that is in the way. The edit is tried again once that is mended.
        """
        edit = self._now[key]
        others = tuple(refusal for refusal in edit.refused if refusal.within)
        if others:
            self._put(key, replace(edit, refused=others))
        else:
            self.end(key)

    def settle(self, desired: Desired, actual: Actual, applied: Applied) -> None:
        """Write down that all which may be done to an object now is done."""
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
        """Remember no edit of an object any more."""
        if key in self._now:
            del self._now[key]
            self._state.end_edit(key)

    def _put(self, key: Key, edit: StoredEdit) -> None:
        if self._now.get(key) != edit:
            self._now[key] = edit
            self._state.put_edit(key, edit)
