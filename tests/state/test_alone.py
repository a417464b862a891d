"""Two that act on one host take turns, and neither acts on what the other has changed meanwhile."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.errors import StateError
from kvmreconcile.model import Applied, Key, Observation, World
from kvmreconcile.state import State
from tests.state.values import DISK, WEB, applied, reopened

HOLDER = """
import sys
from pathlib import Path
from kvmreconcile.state.lock import WorkLock

with WorkLock(Path(sys.argv[1])):
    print("mine", flush=True)
    sys.stdin.read()
"""


def seen(*known: Applied) -> World:
    now = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    return World("lab", "host1", now, {}, Observation(), {a.key: a for a in known})


def test_one_after_the_other_may_act(state: State) -> None:
    for key in (WEB, DISK):
        with state.alone(seen(*state.applied().values()), [key]):
            state.put(applied(key))

    assert set(state.applied()) == {WEB, DISK}


def test_while_one_acts_another_may_not(state: State, tmp_path: Path) -> None:
    with (
        state.alone(seen(), [WEB]),
        reopened(tmp_path) as other,
        pytest.raises(
            StateError, match=rf"another kvmreconcile process \(PID {os.getpid()}\) is applying changes"
        ),
        other.alone(seen(), [WEB]),
    ):
        other.forget(WEB)


def test_one_that_is_killed_holds_nobody_off(state: State, tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"mine\n"
    with pytest.raises(StateError, match=f"PID {holder.pid}"), state.alone(seen(), [WEB]):
        state.forget(WEB)

    holder.kill()
    holder.wait()
    holder.stdin.close()
    holder.stdout.close()

    with state.alone(seen(), [WEB]):
        state.put(applied())


@pytest.mark.parametrize("known", [(), (Applied(Key("Domain", "web1"), "", "lab", applied().tree, ""),)])
def test_nobody_acts_on_what_has_changed_since_it_was_seen(state: State, known: tuple[Applied, ...]) -> None:
    state.put(applied())

    with (
        pytest.raises(StateError, match="after it was made; try again"),
        state.alone(seen(*known), [WEB]),
    ):
        state.forget(WEB)

    assert state.applied() == {WEB: applied()}


def test_threads_of_one_process_act_side_by_side_on_objects_of_their_own(
    state: State, tmp_path: Path
) -> None:
    before = seen()
    with state.alone(before, [WEB]):
        state.put(applied(WEB))
        with state.alone(before, [DISK]):
            state.put(applied(DISK))
        with (
            reopened(tmp_path) as other,
            pytest.raises(StateError, match="is applying changes"),
            other.alone(before, [DISK]),
        ):
            pass

    with reopened(tmp_path) as other, other.alone(seen(*state.applied().values()), [WEB]):
        assert set(state.applied()) == {WEB, DISK}
