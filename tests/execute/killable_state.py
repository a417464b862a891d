"""A state that exits at its n-th write, like after `kill -9`."""

import os
from pathlib import Path
from typing import Self

from kvmreconcile.model import Applied, Key, Probation, StoredEdit
from kvmreconcile.state import State

DIED = 9


class Fuse:
    """Counts side effects, and exits at the n-th; 0 means never."""

    def __init__(self, dies_at: int) -> None:
        self._left = dies_at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(DIED)


class KillableState(State):
    """A state that counts its writes about objects."""

    fuse: Fuse

    @classmethod
    def open_with_fuse(cls, directory: Path, dies_at: int) -> Self:
        """Open the state with a fuse that exits at the n-th side effect."""
        state = cls.open(directory)
        assert isinstance(state, cls)
        state.fuse = Fuse(dies_at)
        return state

    def put(self, applied: Applied) -> None:
        self.fuse.step()
        super().put(applied)

    def forget(self, key: Key) -> None:
        self.fuse.step()
        super().forget(key)

    def put_edit(self, key: Key, edit: StoredEdit) -> None:
        self.fuse.step()
        super().put_edit(key, edit)

    def end_edit(self, key: Key) -> None:
        self.fuse.step()
        super().end_edit(key)

    def put_probation(self, key: Key, probation: Probation) -> None:
        self.fuse.step()
        super().put_probation(key, probation)

    def end_probation(self, key: Key) -> None:
        self.fuse.step()
        super().end_probation(key)
