"""Suspensions apply across processes and lost files until they are resumed."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kvmreconcile.errors import StateError
from kvmreconcile.model import HostId, Key, Suspension
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from tests.state.kill_at_line import kill_at_each_line
from tests.state.values import DISK, WEB, applied, reopened

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
HOST = HostId("2b4f9f3e-9d1f-4c0e-8a64-6f6f2f6f0001", "qemu:///system")
COPY = "suspensions.json"
FOR_GOOD = Suspension(NOW)
FOR_AN_HOUR = Suspension(NOW, NOW + timedelta(hours=1), "moving disks", "alice")


def test_suspensions_are_read_by_the_next_process(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    state.suspend(None, FOR_GOOD)
    state.close()

    with reopened(tmp_path) as again:
        assert again.suspended() == {None: FOR_GOOD, WEB: FOR_AN_HOUR}


def test_last_suspension_of_an_object_applies(state: State) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    state.suspend(WEB, FOR_GOOD)

    assert state.suspended() == {WEB: FOR_GOOD}


@pytest.mark.parametrize("key", [WEB, None])
def test_resume_removes_one_suspension_only(state: State, key: Key | None) -> None:
    state.suspend(WEB, FOR_GOOD)
    state.suspend(None, FOR_GOOD)

    assert state.resume(key)
    assert not state.resume(key)
    assert len(state.suspended()) == 1


def garble(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE)) as database, database:
        database.execute("UPDATE suspended SET since = 'yesterday'")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (WEB, "of Domain/web1 cannot be read.*resume Domain/web1,"),
        (None, "of everything cannot be read.*resume --all,"),
    ],
)
def test_unreadable_suspension_is_an_error_with_advice(
    state: State, tmp_path: Path, key: Key | None, said: str
) -> None:
    state.suspend(key, FOR_GOOD)
    garble(tmp_path)
    (tmp_path / COPY).unlink()

    with pytest.raises(StateError, match=f"suspension {said} then suspend it again"):
        state.suspended()

    assert state.resume(key)
    assert state.suspended() == {}


@pytest.mark.case("15a")
def test_suspension_unreadable_in_one_copy_is_read_from_the_other(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    garble(tmp_path)

    assert state.suspended() == {WEB: FOR_AN_HOUR}
    with reopened(tmp_path):
        (tmp_path / COPY).unlink()
    assert state.suspended() == {WEB: FOR_AN_HOUR}


def cut_in_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def without_rows(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        for table in ("applied", "suspended", "history", "meta"):
            database.execute(f"DELETE FROM {table}")


LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda file: file.write_bytes(b""),
    "cut in half": cut_in_half,
    "overwritten": lambda file: file.write_bytes(b"\xff" * 5000),
}


@pytest.mark.case("15a")
@pytest.mark.parametrize("loss", [*LOSSES, "without rows"])
def test_suspensions_are_kept_without_the_database(tmp_path: Path, loss: str) -> None:
    with reopened(tmp_path) as state:
        state.suspend(WEB, FOR_AN_HOUR)
        state.suspend(None, FOR_GOOD)
        state.binding.bind(HOST)
    (LOSSES | {"without rows": without_rows})[loss](tmp_path / FILE)

    for how in (State.open_readonly, State.open):
        with closing(how(tmp_path)) as found:
            assert found.suspended() == {None: FOR_GOOD, WEB: FOR_AN_HOUR}
            assert loss == "without rows" or found.binding.host() == HOST
            assert ("suspensions are taken" in found.notice) == (loss != "without rows")
    (tmp_path / COPY).unlink()
    with reopened(tmp_path) as again:
        assert again.suspended() == {None: FOR_GOOD, WEB: FOR_AN_HOUR}
        assert again.binding.host() == HOST


@pytest.mark.case("15a")
@pytest.mark.parametrize("loss", [*LOSSES, "another form"])
def test_suspensions_are_kept_without_the_second_copy(tmp_path: Path, loss: str) -> None:
    with reopened(tmp_path) as state:
        state.suspend(WEB, FOR_AN_HOUR)
    before = (tmp_path / COPY).read_bytes()
    other: Callable[[Path], object] = lambda file: file.write_text('{"schema": "another/1", "suspended": []}')  # noqa: E731
    (LOSSES | {"another form": other})[loss](tmp_path / COPY)

    with closing(State.open_readonly(tmp_path)) as reader:
        assert reader.suspended() == {WEB: FOR_AN_HOUR}
    with reopened(tmp_path) as state:
        assert state.suspended() == {WEB: FOR_AN_HOUR}
        assert state.notice == ""
    assert (tmp_path / COPY).read_bytes() == before


@pytest.mark.case("15a")
def test_suspensions_deleted_from_the_database_still_apply(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_GOOD)
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("DELETE FROM suspended")

    assert state.suspended() == {WEB: FOR_GOOD}


@pytest.mark.case("15a")
def test_longer_of_two_suspensions_applies(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_AN_HOUR)
    state.suspend(None, FOR_GOOD)
    earlier = (tmp_path / COPY).read_bytes()
    for key, word in ((WEB, FOR_GOOD), (None, FOR_AN_HOUR)):
        state.suspend(key, word)
    (tmp_path / COPY).write_bytes(earlier)

    assert state.suspended() == {None: FOR_GOOD, WEB: FOR_GOOD}
    with reopened(tmp_path) as again:
        assert again.suspended() == {None: FOR_GOOD, WEB: FOR_GOOD}


@pytest.mark.case("15a")
def test_suspensions_of_an_older_version_get_a_second_copy(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.suspend(WEB, FOR_AN_HOUR)
    (tmp_path / COPY).unlink()
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
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

    State.open(tmp_path).close()
    (tmp_path / FILE).unlink()

    with reopened(tmp_path) as again:
        assert again.suspended() == {WEB: FOR_AN_HOUR}


@pytest.mark.case("15a")
def test_suspension_is_stored_in_both_copies_or_in_none(state: State, tmp_path: Path) -> None:
    state.suspend(WEB, FOR_GOOD)
    (tmp_path / f"{COPY}.new").mkdir()

    for act in (lambda: state.suspend(None, FOR_GOOD), lambda: state.resume(WEB)):
        with pytest.raises(StateError, match=f"{COPY}.new"):
            act()

    assert state.suspended() == {WEB: FOR_GOOD}
    with reopened(tmp_path) as again:
        assert again.suspended() == {WEB: FOR_GOOD}


def both(directory: Path) -> list[set[str]]:
    """Return the suspensions in the database and in the second copy."""
    with closing(sqlite3.connect(directory / FILE)) as database:
        stored = {f"{kind}/{name}" for kind, name in database.execute("SELECT kind, name FROM suspended")}
    copied = {f"{s['kind']}/{s['name']}" for s in json.loads((directory / COPY).read_text())["suspended"]}
    return [stored, copied]


def suspend_then_resume(directory: Path) -> None:
    with reopened(directory) as state:
        state.suspend(WEB, FOR_GOOD)
        (directory / "suspended").touch()
        state.resume(DISK)
        (directory / "resumed").touch()


@pytest.mark.case("15a")
def test_suspensions_are_complete_in_both_copies_after_a_kill_at_any_line(
    tmp_path: Path,
) -> None:
    with reopened(tmp_path / "before") as state:
        state.suspend(DISK, FOR_GOOD)

    def place(number: int) -> Path:
        return Path(shutil.copytree(tmp_path / "before", tmp_path / str(number)))

    seen: set[frozenset[Key | None]] = set()
    writing = ("suspensions", "copies", "second_copy", "durable")
    for directory in kill_at_each_line(suspend_then_resume, place, *writing):
        with closing(State.open_readonly(directory)) as reader:
            found = set(reader.suspended())
        seen.add(frozenset(found))
        assert WEB in found or not (directory / "suspended").exists()
        assert DISK in found or (directory / "suspended").exists()
        assert DISK not in found or not (directory / "resumed").exists()
        State.open(directory).close()
        assert both(directory) == [set(map(str, found))] * 2

    assert seen == {frozenset({DISK}), frozenset({DISK, WEB}), frozenset({WEB})}


@pytest.mark.case("15a")
def test_database_truncated_anywhere_loses_no_suspension(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.suspend(WEB, FOR_AN_HOUR)
        for number in range(40):
            state.put(applied(Key("Domain", f"d{number}")))
    whole, copy = (tmp_path / FILE).read_bytes(), (tmp_path / COPY).read_bytes()

    for cut in random.Random(15).sample(range(len(whole)), 60):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / FILE).write_bytes(whole[:cut])
        (directory / COPY).write_bytes(copy)
        for how in (State.open_readonly, State.open):
            with closing(how(directory)) as found:
                assert found.suspended() == {WEB: FOR_AN_HOUR}, cut


ON_A_SMALL_DISK = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from kvmreconcile.errors import StateError
from kvmreconcile.model import Key, Suspension
from kvmreconcile.state import State

directory, web = Path(sys.argv[1]), Key("Domain", "web1")
filler = os.open(directory / "filler", os.O_WRONLY | os.O_CREAT)

def fill():
    for size in (4096, 1):
        try:
            while os.write(filler, bytes(size)):
                pass
        except OSError:
            pass

fill()
try:
    State.open(directory)
except StateError as error:
    print(error)
os.ftruncate(filler, 0)
state = State.open(directory)
state.suspend(None, Suspension(datetime.now(UTC)))
os.lseek(filler, 0, os.SEEK_SET)
fill()
for act in (lambda: state.suspend(web, Suspension(datetime.now(UTC))), lambda: state.resume(None)):
    try:
        act()
    except StateError as error:
        print(error)
    assert list(state.suspended()) == [None]
State.open(directory).close()
os.ftruncate(filler, 0)
assert state.resume(None)
state.close()
with_nothing = State.open(directory)
assert with_nothing.suspended() == {} and with_nothing.notice == ""
with_nothing.close()
"""


@pytest.mark.case("15a")
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"), reason="only root can have a disk of its own"
)
def test_full_disk_leaves_suspensions_unchanged_and_is_an_error_with_advice(tmp_path: Path) -> None:
    small = 'mount -t tmpfs -o size=400k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ("unshare", "--mount", "sh", "-c", small, "sh", str(tmp_path), sys.executable, ON_A_SMALL_DISK)

    result = subprocess.run(command, check=False, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    assert [line.rpartition("; ")[2] for line in result.stdout.splitlines()] == [
        "make space on its file system"
    ] * 3
