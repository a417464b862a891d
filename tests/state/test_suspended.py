"""What is suspended stays so whoever comes next, until it is resumed."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kvmreconcile.errors import StateError
from kvmreconcile.model import Key, Suspension
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from tests.state.values import WEB, reopened

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FOR_GOOD = Suspension(NOW)
FOR_AN_HOUR = Suspension(NOW, NOW + timedelta(hours=1), "moving disks", "alice")


def test_suspensions_are_there_for_the_next_process(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    state.suspend(None, FOR_GOOD)
    state.close()

    with reopened(tmp_path) as again:
        assert again.suspended() == {None: FOR_GOOD, WEB: FOR_AN_HOUR}


def test_the_last_word_about_an_object_counts(state: State) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    state.suspend(WEB, FOR_GOOD)

    assert state.suspended() == {WEB: FOR_GOOD}


@pytest.mark.parametrize("key", [WEB, None])
def test_what_is_resumed_is_suspended_no_more_and_nothing_else_is_touched(
    state: State, key: Key | None
) -> None:
    state.suspend(WEB, FOR_GOOD)
    state.suspend(None, FOR_GOOD)

    assert state.resume(key)
    assert not state.resume(key)
    assert len(state.suspended()) == 1


def test_a_garbled_row_is_an_error_that_says_what_to_do(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_GOOD)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE suspended SET since = 'yesterday'")
    database.close()

    with pytest.raises(StateError, match=r"suspension of Domain/web1 is garbled.*resume it"):
        state.suspended()
