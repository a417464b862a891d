"""A process that applies what is wanted, and dies at its n-th side effect as `kill -9` would have it."""

import os
import sys
from pathlib import Path

from kvmreconcile.model import Applied, Key, Power
from kvmreconcile.state import State
from tests.execute.conftest import Stage
from tests.execute.host import Host, desired

DIED = 9
WANTED = (
    desired("Volume/p/root", "<volume><capacity>1</capacity></volume>"),
    desired("Volume/p/data", "<volume><capacity>2</capacity></volume>"),
    desired(
        "Domain/web",
        '<domain><disk dev="a" volume="p/root"/><disk dev="b" volume="p/data"/></domain>',
        power=Power.RUNNING,
    ),
    desired("Domain/changed", "<domain><memory>4</memory></domain>", power=Power.RUNNING),
)


class Fuse:
    """Counts side effects, and ends the process at one of them; 0 is none."""

    def __init__(self, dies_at: int) -> None:
        self._left = dies_at

    def step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os._exit(DIED)


class MortalState(State):
    """A state whose writes are side effects, too."""

    fuse: Fuse

    def put(self, applied: Applied) -> None:
        self.fuse.step()
        super().put(applied)

    def forget(self, key: Key) -> None:
        self.fuse.step()
        super().forget(key)


def main(directory: Path, dies_at: int, workers: int) -> None:
    fuse = Fuse(dies_at)
    state = MortalState.open(directory / "state")
    assert isinstance(state, MortalState)
    state.fuse = fuse
    stage = Stage(Host(directory / "host", step=fuse.step), state)
    assert not stage.apply(*WANTED, workers=workers).failed
    state.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
