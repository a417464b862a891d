"""Opening a database that is missing, damaged, of another version, locked or inaccessible."""

import errno
import fcntl
import os
import random
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from kvmreconcile.errors import StateError
from kvmreconcile.model import Key
from kvmreconcile.state import State, database, database_lock
from kvmreconcile.state.database import FILE
from kvmreconcile.state.history import EntryKind
from kvmreconcile.tree import make
from tests.state.kill_at_line import kill_at_each_line
from tests.state.values import DISK, WEB, applied, nobody, reopened


def test_state_directory_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    directory = tmp_path / "lib" / "kvmreconcile"

    State.open(directory).close()

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / FILE).stat().st_mode) == 0o600


def test_damaged_database_is_renamed_and_reported_once(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    (tmp_path / FILE).write_bytes(b"this is no database, and it is longer than a header" * 20)

    with reopened(tmp_path) as first:
        aside = first.recovered
        first.put(applied())
        assert aside is not None
        assert aside.read_bytes().startswith(b"this is no database")
    with reopened(tmp_path) as second:
        assert second.recovered is None
        assert second.applied() == {WEB: applied()}


def test_damaged_page_is_detected_when_the_database_is_opened(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        for number in range(200):
            state.put(applied(Key("Domain", f"d{number}")))
    file = tmp_path / FILE
    content = bytearray(file.read_bytes())
    content[8192:] = b"\xa5" * (len(content) - 8192)
    file.write_bytes(content)

    with reopened(tmp_path) as state:
        assert state.recovered == tmp_path / f"{FILE}.damaged-1"
        assert state.applied() == {}


def test_log_of_a_damaged_database_is_renamed_with_the_database(state: State, tmp_path: Path) -> None:
    state.put(applied())
    state._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (tmp_path / FILE).write_bytes(b"x" * 20_000)
    state.put(applied(DISK))

    with reopened(tmp_path) as recreated:
        assert recreated.recovered == tmp_path / f"{FILE}.damaged-1"
        assert (tmp_path / f"{FILE}.damaged-1-wal").stat().st_size > 0
        assert recreated.applied() == {}


def test_every_damaged_database_is_kept(tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / FILE).write_bytes(b"x" * 2000)
        State.open(tmp_path).close()

    assert sorted(f.name for f in tmp_path.glob("*.damaged-*")) == [f"{FILE}.damaged-1", f"{FILE}.damaged-2"]


def test_state_of_an_older_version_is_migrated(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.put(applied())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("ALTER TABLE applied DROP COLUMN left")
        database.execute("ALTER TABLE applied DROP COLUMN removal")
        database.execute("ALTER TABLE applied DROP COLUMN secrets")
        database.execute("ALTER TABLE applied DROP COLUMN begun")
        database.execute("ALTER TABLE applied DROP COLUMN sealed")
        database.execute("DROP TABLE suspended")
        database.execute("DROP TABLE history")
        database.execute(FIRST_HISTORY)
        database.execute("DROP TABLE trials")
        database.execute("DROP TABLE edits")
        database.execute("DROP TABLE meta")
        database.execute("DROP TABLE sources")
        database.executescript("DROP TABLE owners; DROP TABLE elsewhere")
        database.execute("DROP TABLE spec_files")
        database.execute("PRAGMA user_version = 1")
    database.close()

    reader = State.open_readonly(tmp_path)
    assert reader.applied() == {
        WEB: replace(applied(), left=False, removal=frozenset(), secrets=(), begun=None, sealed="")
    }
    reader.close()
    with reopened(tmp_path) as state:
        assert state.applied() == {
            WEB: replace(applied(), left=False, removal=frozenset(), secrets=(), begun=None, sealed="")
        }


FIRST_HISTORY = """
    CREATE TABLE history (
        id INTEGER PRIMARY KEY, at TEXT, plan TEXT, revision TEXT, kind TEXT, name TEXT, verb TEXT,
        effect TEXT, reason TEXT, changes TEXT, result TEXT, took_s REAL, error TEXT
    )
"""


def test_history_of_an_older_version_is_migrated(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("ALTER TABLE applied DROP COLUMN removal")
        database.execute("ALTER TABLE applied DROP COLUMN secrets")
        database.execute("ALTER TABLE applied DROP COLUMN begun")
        database.execute("ALTER TABLE applied DROP COLUMN sealed")
        database.execute("DROP TABLE trials")
        database.execute("DROP TABLE edits")
        database.execute("DROP TABLE meta")
        database.execute("DROP TABLE sources")
        database.executescript(
            "DROP TABLE owners; DROP TABLE elsewhere; ALTER TABLE history DROP COLUMN owner"
        )
        database.execute("DROP TABLE spec_files")
        database.execute("DROP TABLE history")
        database.execute(FIRST_HISTORY)
        database.execute(
            "INSERT INTO history VALUES (7, '2026-11-23T03:00:00+00:00', 'cafe', 'abc123', 'Domain', 'web1', "
            "'define', 'live', 'the spec changed', '[\"~ memory\"]', 'failed', 0.25, 'no')"
        )
        database.execute("PRAGMA user_version = 3")
    database.close()

    reader = State.open_readonly(tmp_path)
    (entry,) = reader.history(10)
    reader.close()

    assert (entry.what, entry.key, entry.verb, entry.changes) == (
        EntryKind.STEP,
        WEB,
        "define",
        ("~ memory",),
    )
    assert (entry.plan, entry.revision, entry.who, entry.result) == ("cafe", "abc123", "", "failed")
    with reopened(tmp_path) as state:
        assert state.history(10) == (entry,)


def test_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = (tmp_path / FILE).read_bytes()

    for how in (State.open, State.open_readonly):
        with pytest.raises(
            StateError, match=r"newer kvmreconcile .*database format 99.*from before the upgrade"
        ):
            how(tmp_path)

    assert (tmp_path / FILE).read_bytes() == before


def test_file_in_place_of_the_directory_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(StateError, match=r"state: the state cannot be used: .*--state"):
        State.open(tmp_path / "state")


def test_directory_of_another_user_is_an_error_with_advice() -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        State.open(directory).close()
        directory.chmod(0)
        with nobody():
            for how in (State.open, State.open_readonly):
                with pytest.raises(
                    StateError, match=r"denied; run this command as .* to read and write the file"
                ):
                    how(directory)


FULL = """
import os, sys
from pathlib import Path
from kvmreconcile.errors import StateError
from kvmreconcile.state import State
directory = Path(sys.argv[1])
State.open(directory / "state").close()
with open(directory / "filler", "wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
try:
    State.open(directory / "state")
except StateError as error:
    print(error)
"""


@pytest.mark.case("26e")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a disk of its own")
@pytest.mark.parametrize("left", [0, 8], ids=["nothing", "8 KiB"])
def test_full_file_system_is_detected(tmp_path: Path, left: int) -> None:
    small = 'mount -t tmpfs -o size=400k tmpfs "$1" && exec "$2" -c "$3" "$1"'
    script = FULL.replace(
        "try:\n    State",
        f"os.truncate(directory / 'filler', os.path.getsize(directory / 'filler') - {left << 10})\ntry:\n    State",
    )
    command = ("unshare", "--mount", "sh", "-c", small, "sh", str(tmp_path), sys.executable, script)

    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert "make space on its file system" in said


def test_full_disk_is_an_error_with_advice(state: State) -> None:
    state._database.execute("PRAGMA max_page_count = 1")
    large = replace(applied(), tree=make("domain", text="x" * 100_000))

    with pytest.raises(StateError, match="full; make space"):
        state.put(large)


def test_locked_database_is_an_error_with_advice(state: State, tmp_path: Path) -> None:
    state._database.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StateError, match="locked; another process is using the database"):
        state.put(applied())

    other.close()


def test_read_only_open_creates_no_file(tmp_path: Path) -> None:
    state = State.open_readonly(tmp_path / "absent")

    assert state.applied() == {}
    assert state.history(10) == ()
    assert list(tmp_path.iterdir()) == []
    state.close()


def test_read_only_open_changes_no_file(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.put(applied())
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    state = State.open_readonly(tmp_path)

    assert state.applied() == {WEB: applied()}
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before
    with pytest.raises(StateError, match="readonly database"):
        state.put(applied(DISK))
    state.close()


def test_read_only_open_reads_the_last_commit_of_a_running_process(state: State, tmp_path: Path) -> None:
    state.put(applied())

    reader = State.open_readonly(tmp_path)

    assert reader.applied() == {WEB: applied()}
    reader.close()


def test_read_only_open_after_a_crash_changes_no_file(state: State, tmp_path: Path) -> None:
    state.put(applied())
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", "-wal"):
        (crashed / (FILE + suffix)).write_bytes((tmp_path / (FILE + suffix)).read_bytes())
    before = {suffix: (crashed / (FILE + suffix)).read_bytes() for suffix in ("", "-wal")}

    reader = State.open_readonly(crashed)

    assert reader.applied() == {WEB: applied()}
    assert {suffix: (crashed / (FILE + suffix)).read_bytes() for suffix in before} == before
    reader.close()


def test_read_only_open_needs_no_write_permission() -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        with reopened(directory) as state:
            state.put(applied())
        directory.chmod(0o555)
        for file in directory.iterdir():
            file.chmod(0o444)
        with nobody():
            reader = State.open_readonly(directory)

            assert reader.applied() == {WEB: applied()}
            reader.close()
            with pytest.raises(StateError, match="Permission denied"):
                State.open(directory)


UNUSABLE = {"is missing": None, "is empty": b"", "is damaged": b"x" * 2000}


@pytest.mark.parametrize("flaw", UNUSABLE)
def test_missing_empty_and_damaged_databases_are_replaced(tmp_path: Path, flaw: str) -> None:
    if (content := UNUSABLE[flaw]) is not None:
        (tmp_path / FILE).write_bytes(content)
    before = {f.name: f.read_bytes() for f in tmp_path.iterdir()}

    with closing(State.open_readonly(tmp_path)) as reader:
        assert reader.flaw == flaw
        assert reader.applied() == {}
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == before
    with reopened(tmp_path) as state:
        assert state.flaw == flaw
        state.put(applied())
    with reopened(tmp_path) as again:
        assert again.flaw == ""
        assert again.applied() == {WEB: applied()}


def test_database_without_tables_counts_as_empty(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("CREATE TABLE a (b)")

    for how in (State.open_readonly, State.open):
        with closing(how(tmp_path)) as state:
            assert state.flaw == "is empty"


@pytest.mark.parametrize("content", [None, b""])
def test_log_without_its_database_is_renamed(state: State, tmp_path: Path, content: bytes | None) -> None:
    state.put(applied())
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    log = (tmp_path / f"{FILE}-wal").read_bytes()
    (crashed / f"{FILE}-wal").write_bytes(log)
    if content is not None:
        (crashed / FILE).write_bytes(content)

    with reopened(crashed) as recreated:
        assert recreated.applied() == {}
        assert recreated.recovered is None

    assert (crashed / f"{FILE}.damaged-1-wal").read_bytes() == log


def test_new_database_is_complete_before_it_gets_its_final_name(tmp_path: Path) -> None:
    def place(number: int) -> Path:
        return tmp_path / str(number)

    count = 0
    for directory in kill_at_each_line(lambda where: State.open(where).close(), place):
        count += 1
        exists = (directory / FILE).exists()
        with closing(State.open_readonly(directory)) as reader:
            assert reader.flaw == ("" if exists else "is missing")
        with reopened(directory) as state:
            state.put(applied())
        assert not list(directory.glob("*.new*"))

    assert count > 30


def test_truncated_database_is_detected_as_damaged(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        for number in range(60):
            state.put(applied(Key("Domain", f"d{number}")))
        known = state.applied()
    whole = (tmp_path / FILE).read_bytes()
    chance = random.Random(14)
    cuts = {0, 1, 100, 4096, 8192, len(whole) - 1, len(whole), *chance.sample(range(len(whole)), 120)}

    for cut in sorted(cuts):
        directory = tmp_path / str(cut)
        directory.mkdir()
        (directory / FILE).write_bytes(whole[:cut])
        for how in (State.open_readonly, State.open):
            with closing(how(directory)) as found:
                assert found.applied() == ({} if found.flaw else known), cut
                assert bool(found.flaw) == (cut < len(whole)), cut


def test_wait_for_the_lock_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_lock, "LOCK_S", 0.1)
    State.open(tmp_path).close()

    with (tmp_path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for opening in (State.open, State.open_readonly):
            with pytest.raises(
                StateError,
                match=f"it could not be locked within 0.1 s, because another process holds the lock; find the process with: fuser {tmp_path}/lock",
            ):
                opening(tmp_path)

    State.open(tmp_path).close()


def test_database_value_above_the_maximum_size_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    State.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as made, made:
        made.execute("INSERT INTO suspended VALUES ('a', 'b', ?, NULL, '', '')", ("x" * 5000,))
    monkeypatch.setattr(database, "_LONGEST", 4096)

    with pytest.raises(StateError, match="too big"), closing(State.open(tmp_path)) as state:
        state.suspended()


@pytest.mark.parametrize(
    ("number", "todo"),
    [
        (
            errno.EINVAL,
            "check the state directory and its file system, or set another directory with --state",
        ),
        (errno.EROFS, "check the state directory and its file system, or set another directory with --state"),
        (
            errno.EACCES,
            (
                "run this command as the owner of the state directory or as root, "
                "allow this user (for root: the owner of the state directory) to read and write "
                "the file and its directory, or set another directory with --state"
            ),
        ),
    ],
)
def test_system_errors_never_advise_to_remove_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, todo: str
) -> None:
    def fail(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", fail)

    with pytest.raises(StateError) as caught:
        State.open(tmp_path)
    assert str(caught.value).endswith(f"{os.strerror(number)}; {todo}")
