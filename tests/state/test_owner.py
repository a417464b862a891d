"""What root makes in the directory of another user is that user's."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.state import State
from kvmreconcile.state.claim import Claim
from kvmreconcile.state.owner import hand_over

NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files for others")


@pytest.fixture
def theirs() -> Iterator[Path]:
    # Not below pytest's own directories, through which nobody but root can pass.
    with TemporaryDirectory(dir="/var/tmp") as made:
        os.chown(made, NOBODY, NOBODY)
        yield Path(made)


def owners(directory: Path) -> set[int]:
    return {path.lstat().st_uid for path in directory.rglob("*")}


def test_every_file_of_the_state_is_its_directorys_owners(theirs: Path) -> None:
    with closing(State.open(theirs)), Claim(theirs):
        names = {path.name for path in theirs.iterdir()}

        assert {"state.sqlite3", "state.sqlite3-wal", "state.sqlite3-shm", "lock", "work.lock"} <= names
        assert owners(theirs) == {NOBODY}


def test_owner_can_use_what_root_has_made(theirs: Path) -> None:
    State.open(theirs).close()
    with Claim(theirs):
        pass
    os.seteuid(NOBODY)
    try:
        with Claim(theirs), closing(State.open(theirs)) as state:
            assert not state.resume(None)
    finally:
        os.seteuid(0)


def test_handing_over_changes_owners_alone(theirs: Path) -> None:
    (theirs / "git/objects").mkdir(parents=True)
    (theirs / "git/objects/a").write_text("a")
    (theirs / "git/link").symlink_to("/etc/passwd")

    hand_over(theirs)

    assert owners(theirs) == {NOBODY}
    assert Path("/etc/passwd").stat().st_uid == 0
