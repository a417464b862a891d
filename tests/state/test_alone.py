"""Only one process executes plans on a host; objects changed by another process are refused."""

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


def test_lock_is_released_after_each_execution(state: State) -> None:
    for key in (WEB, DISK):
        with state.alone(seen(*state.applied().values()), [key]):
            state.put(applied(key))

    assert set(state.applied()) == {WEB, DISK}


def test_second_process_is_refused_during_an_execution(state: State, tmp_path: Path) -> None:
    with (
        state.alone(seen(), [WEB]),
        reopened(tmp_path) as other,
        pytest.raises(
            StateError, match=rf"another kvmreconcile process \(PID {os.getpid()}\) is applying changes"
        ),
        other.alone(seen(), [WEB]),
    ):
        other.forget(WEB)


def test_lock_of_a_killed_process_is_released(state: State, tmp_path: Path) -> None:
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
def test_plan_is_refused_if_its_objects_changed_after_planning(
    state: State, known: tuple[Applied, ...]
) -> None:
    state.put(applied())

    with (
        pytest.raises(StateError, match="after the plan was made; try again"),
        state.alone(seen(*known), [WEB]),
    ):
        state.forget(WEB)

    assert state.applied() == {WEB: applied()}


def test_threads_of_one_process_share_the_lock(state: State, tmp_path: Path) -> None:
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
