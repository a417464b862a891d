"""A process that applies the desired objects, and exits at its n-th side effect like after `kill -9`."""

import sys
from pathlib import Path

from kvmreconcile.model import Power
from tests.execute.conftest import Stage
from tests.execute.host import Host, desired
from tests.execute.killable_state import KillableState

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


def main(directory: Path, dies_at: int, workers: int) -> None:
    state = KillableState.open_with_fuse(directory / "state", dies_at)
    stage = Stage(Host(directory / "host", step=state.fuse.step), state)
    assert not stage.apply(*WANTED, workers=workers).failed
    state.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
