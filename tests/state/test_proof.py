"""A new state is unproved until an observation of the host proves that no earlier state was lost."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kvmreconcile.model import HostId
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from tests.state.kill_at_line import kill_at_each_line
from tests.state.values import WEB, applied, reopened

COPY = "suspensions.json"
HERE = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001", "qemu:///system")

pytestmark = pytest.mark.case("15b")


def is_unproved(directory: Path) -> bool:
    found = []
    for how in (State.open_readonly, State.open):
        with closing(how(directory)) as state:
            found.append(state.is_unproved())
    assert found[0] == found[1]
    return found[0]


@pytest.fixture
def proved(tmp_path: Path) -> Path:
    """The directory of a proved state."""
    directory = tmp_path / "proved"
    with reopened(directory) as state:
        state.prove()
    return directory


def test_new_state_is_unproved_until_it_is_recorded_as_proved(tmp_path: Path, proved: Path) -> None:
    assert is_unproved(tmp_path / "new")
    assert is_unproved(tmp_path / "new")
    assert not is_unproved(proved)


def test_accepted_state_is_proved(state: State) -> None:
    assert "if an earlier state was lost, its suspensions are not restored" in state.binding.accept(HERE)

    assert not state.is_unproved()
    assert "looked after" not in state.binding.accept(HERE)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def damaged(file: Path) -> None:
    file.write_bytes(b"\xff" * 5000)


HOW = (Path.unlink, emptied, damaged)


@pytest.mark.parametrize("lose_copy", HOW)
@pytest.mark.parametrize("lose_database", HOW)
def test_state_without_database_and_second_copy_is_unproved(
    proved: Path, lose_database: Callable[[Path], None], lose_copy: Callable[[Path], None]
) -> None:
    lose_database(proved / FILE)
    lose_copy(proved / COPY)

    assert is_unproved(proved)


@pytest.mark.parametrize("lose", HOW)
def test_state_with_its_second_copy_is_proved_without_a_database(
    proved: Path, lose: Callable[[Path], None]
) -> None:
    lose(proved / FILE)

    assert not is_unproved(proved)
    (proved / FILE).unlink()
    assert not is_unproved(proved)


@pytest.mark.parametrize("lose", HOW)
def test_empty_database_without_second_copy_is_unproved(proved: Path, lose: Callable[[Path], None]) -> None:
    with reopened(proved) as state:
        state.put(applied(WEB))
    lose(proved / COPY)
    assert not is_unproved(proved)

    with closing(sqlite3.connect(proved / FILE)) as database, database:
        database.execute("DELETE FROM applied")
    assert not is_unproved(proved)
    lose(proved / COPY)
    assert is_unproved(proved)
    assert is_unproved(proved)


def older(directory: Path) -> None:
    """Convert the state to the format of a version without a second copy."""
    (directory / COPY).unlink()
    with closing(sqlite3.connect(directory / FILE)) as database, database:
        database.execute("DROP TABLE meta")
        database.execute("DROP TABLE sources")
        database.executescript(
            "DROP TABLE owners; DROP TABLE elsewhere; ALTER TABLE history DROP COLUMN owner"
        )
        database.execute("DROP TABLE spec_files")
        database.execute("ALTER TABLE applied DROP COLUMN secrets")
        database.execute("ALTER TABLE applied DROP COLUMN begun")
        database.execute("ALTER TABLE applied DROP COLUMN sealed")
        database.execute("PRAGMA user_version = 7")


def test_state_of_an_older_version_is_proved(proved: Path) -> None:
    with reopened(proved) as state:
        state.put(applied(WEB))
    older(proved)

    assert not is_unproved(proved)
    assert (proved / COPY).exists()


def test_emptied_database_of_an_older_version_is_unproved(proved: Path) -> None:
    older(proved)

    assert is_unproved(proved)


def create_and_prove(directory: Path) -> None:
    with reopened(directory) as state:
        (directory / "observed").touch()
        state.prove()
        (directory / "proved").touch()


def test_kill_at_any_line_never_proves_the_state_before_an_observation(tmp_path: Path) -> None:
    def place(number: int) -> Path:
        return tmp_path / str(number)

    seen = set()
    for directory in kill_at_each_line(
        create_and_prove, place, "database", "copies", "second_copy", "durable"
    ):
        unproved = is_unproved(directory)
        seen.add(unproved)
        assert unproved or (directory / "observed").exists()
        assert not (unproved and (directory / "proved").exists())
        shutil.rmtree(directory)

    assert seen == {True, False}
