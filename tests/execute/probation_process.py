"""A process that makes passes over a guest with an edit on probation, and exits at its n-th side effect."""

import sys
from dataclasses import replace
from pathlib import Path

from kvmreconcile.errors import NotYet
from kvmreconcile.model import Action, Desired, Key, Lifecycle, Policy, Power, Ready
from kvmreconcile.state import State
from tests.execute.conftest import Stage
from tests.execute.host import Host, desired
from tests.execute.killable_state import KillableState

WEB = Key("Domain", "web")
EDITS = {"good": "<domain><memory>2</memory></domain>", "bad": "<domain><memory>2</memory><bad/></domain>"}
PASSES = 5
"""More than it takes."""


def guest(xml: str = "<domain><memory>1</memory></domain>") -> Desired:
    """Return a guest whose edits are on probation."""
    return replace(
        desired(str(WEB), xml, power=Power.RUNNING),
        policy=Policy(lifecycle=Lifecycle(ready=Ready(agent=True), rollback=True)),
    )


def stage_of(host: Host, state: State) -> Stage:
    """Return a stage on which a guest is ready unless it is off or has a bad definition."""

    def before(action: Action) -> None:
        if action.verb.name == "ready" and (host.tree(WEB).child("bad") or WEB not in host.active()):
            raise NotYet("its agent is silent", 0)

    host.before = before
    return Stage(host, state)


def passes(stage: Stage, wanted: Desired) -> None:
    """Make passes until nothing is left to do."""
    for _ in range(PASSES):
        stage.apply(wanted)
    assert not stage.plan(wanted).actions


def main(directory: Path, edit: str, dies_at: int) -> None:
    state = KillableState.open_with_fuse(directory / "state", dies_at)
    passes(stage_of(Host(directory / "host", step=state.fuse.step), state), guest(EDITS[edit]))
    state.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
