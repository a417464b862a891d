"""Root acts as the owner of a state directory: files belong to the owner, and links give no more access."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.errors import StateError
from kvmreconcile.model import Suspension
from kvmreconcile.state import State
from kvmreconcile.state.lock import WorkLock
from kvmreconcile.system.owner import acting_as_owner, owner_of

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")


@pytest.fixture
def theirs() -> Iterator[Path]:
    # Not below pytest's own directories, which only root can traverse.
    with TemporaryDirectory(dir="/var/tmp") as made:
        os.chown(made, NOBODY, NOBODY)
        yield Path(made)


def owners(directory: Path) -> set[int]:
    return {path.lstat().st_uid for path in directory.rglob("*")}


def test_every_state_file_belongs_to_the_owner_of_the_directory(theirs: Path) -> None:
    with closing(State.open(theirs)), WorkLock(theirs):
        names = {path.name for path in theirs.iterdir()}

        assert {"state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "lock", "work.lock"} <= names
        assert owners(theirs) == {NOBODY}


def test_owner_can_use_files_that_root_created(theirs: Path) -> None:
    State.open(theirs).close()
    with WorkLock(theirs):
        pass
    os.seteuid(NOBODY)
    try:
        with WorkLock(theirs), closing(State.open(theirs)) as state:
            assert not state.resume(None)
    finally:
        os.seteuid(0)


@pytest.mark.case("16")
@pytest.mark.parametrize(
    "name", ["state.sqlite3", "state.sqlite3-wal", "lock", "work.lock", "suspensions.json"]
)
def test_link_to_a_file_of_root_is_not_followed(theirs: Path, tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    canary.write_text("root's")
    canary.chmod(0o600)
    (theirs / name).symlink_to(canary)

    with suppress(StateError, OSError), closing(State.open(theirs)) as state, WorkLock(theirs):
        state.suspend(None, Suspension(datetime.now(UTC), None, "", "root"))

    assert canary.read_text() == "root's"
    assert (canary.stat().st_uid, stat.S_IMODE(canary.stat().st_mode)) == (0, 0o600)


@pytest.mark.case("16")
def test_root_regains_its_privileges_after_acting_as_the_owner(theirs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root's")
    (tmp_path / "secret").chmod(0o600)

    with acting_as_owner(theirs):
        with pytest.raises(PermissionError):
            (tmp_path / "secret").read_text()
        with acting_as_owner(theirs):
            pass
        with pytest.raises(PermissionError):
            (tmp_path / "secret").read_text()

    assert (tmp_path / "secret").read_text() == "root's"


def test_directory_of_root_is_used_as_root(tmp_path: Path) -> None:
    assert owner_of(tmp_path) is None
    assert owner_of(tmp_path / "not/there/yet") is None
