"""The next pass completes the steps of a process that was killed at any side effect."""

import subprocess
import sys
from pathlib import Path

import pytest

from kvmreconcile.model import Key
from kvmreconcile.state import State
from tests.execute.apply_process import WANTED
from tests.execute.conftest import Stage
from tests.execute.host import Host, desired
from tests.execute.killable_state import DIED

FOREIGN = Key("Domain", "foreign")


def run(directory: Path, dies_at: int, workers: int = 4) -> int:
    """Apply in a process that exits at its n-th side effect, if there are so many, and return its exit status."""
    command = [
        sys.executable,
        "-m",
        "tests.execute.apply_process",
        str(directory),
        str(dies_at),
        str(workers),
    ]
    return subprocess.run(command, check=False).returncode


def test_next_pass_converges_after_a_kill_at_every_side_effect(tmp_path: Path) -> None:
    deaths = 0
    for dies_at in range(1, 99):
        directory = tmp_path / str(dies_at)
        prepare(directory)
        if run(directory, dies_at) != DIED:
            break
        deaths += 1
        finish(directory)

    assert deaths > 12


def test_every_run_makes_progress_despite_repeated_kills(tmp_path: Path) -> None:
    prepare(tmp_path)
    runs = 1
    # One after the other: four side effects of four objects may by chance end none of them, run after run.
    while run(tmp_path, 4, workers=1) == DIED:
        runs += 1
        assert runs < 30

    assert runs > 2
    check(tmp_path)


def prepare(directory: Path) -> None:
    """Create a host with an object to remove, one to change, and one that this instance does not manage."""
    host = Host(directory / "host")
    host.directory.mkdir(parents=True)
    host.write(FOREIGN, "<domain><uuid>ffffffff-ffff-4fff-8fff-ffffffffffff</uuid></domain>")
    stage = Stage(host, State.open(directory / "state"))
    stage.apply(desired("Domain/gone"), desired("Domain/changed"))
    stage.state.close()


def finish(directory: Path) -> None:
    """Make the next pass, and check its result."""
    state = State.open(directory / "state")
    report = Stage(Host(directory / "host"), state).apply(*WANTED)
    state.close()
    assert not report.failed
    check(directory)


def check(directory: Path) -> None:
    """Fail unless the host is exactly as specified, and the state records that."""
    host, state = Host(directory / "host"), State.open(directory / "state")
    wanted = {d.key for d in WANTED}
    assert host.keys() == wanted | {FOREIGN}
    assert host.active() == {d.key for d in WANTED if d.power}
    assert not [k for k in wanted if host.tree(k).child("half")]
    applied = state.applied()
    assert set(applied) == wanted
    assert all(a.complete for a in applied.values())
    plan = Stage(host, state).plan(*WANTED)
    assert plan.is_empty
    assert plan.records == ()
    state.close()


def test_kill_while_a_volume_is_filled_leaves_it_unfinished(stage: Stage) -> None:
    def die() -> None:
        if list(stage.host.keys()):
            raise KeyboardInterrupt

    stage.host.step = die

    with pytest.raises(KeyboardInterrupt):
        stage.apply(desired("Volume/p/root"))

    root = Key("Volume", "p/root")
    assert stage.host.tree(root).child("half")
    assert not stage.state.applied()[root].complete
    assert [a.verb.name for a in stage.plan(desired("Volume/p/root")).actions] == ["recreate"]
