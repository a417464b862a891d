"""Applied objects are read as written, with several threads and processes."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from kvmreconcile.model import Key
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from tests.state.values import DISK, WEB, applied, reopened


def test_applied_object_is_read_by_the_next_process(state: State, tmp_path: Path) -> None:
    state.put(applied(WEB))
    state.put(applied(DISK))
    state.close()

    with reopened(tmp_path) as again:
        assert again.applied() == {WEB: applied(WEB), DISK: applied(DISK)}


def test_last_write_of_an_object_is_stored(state: State) -> None:
    state.put(applied())
    state.put(replace(applied(), complete=True, settled=()))

    assert state.applied() == {WEB: replace(applied(), complete=True, settled=())}


def test_forget_deletes_only_the_given_object(state: State) -> None:
    state.put(applied(WEB))
    state.put(applied(DISK))

    state.forget(WEB)

    assert list(state.applied()) == [DISK]


@pytest.mark.case("26d")
def test_unreadable_row_affects_only_its_object(state: State, tmp_path: Path) -> None:
    state.put(applied(WEB))
    state.put(applied(DISK))
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE applied SET tree = '[1]' WHERE kind = 'Domain'")
    database.close()

    assert list(state.applied()) == [DISK]
    assert list(state.unreadable()) == [WEB]
    assert "record of Domain/web1 in table applied cannot be read" in state.unreadable()[WEB]

    state.put(applied(WEB))

    assert state.applied().keys() == {WEB, DISK}
    assert state.unreadable() == {}


def put_all(state: State, keys: Iterable[Key]) -> None:
    for key in keys:
        state.put(applied(key))


def test_threads_of_one_process_write_at_the_same_time(state: State) -> None:
    keys = [Key("Domain", f"d{number}") for number in range(80)]
    threads = [Thread(target=put_all, args=(state, keys[n::8])) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(state.applied()) == set(keys)


WRITER = """
import sys
from pathlib import Path
from kvmreconcile.model import Applied, Key
from kvmreconcile.state import State
from kvmreconcile.tree import Node

name, directory = sys.argv[1], Path(sys.argv[2])
sys.stdin.readline()
for number in range(40):
    state = State.open(directory)
    state.put(Applied(Key("Domain", f"{name}{number}"), "", "lab", Node("domain"), ""))
    state.close()
"""


def test_two_processes_create_and_write_one_database(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, name, directory], stdin=subprocess.PIPE)
        for name in "ab"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.close()

    assert [process.wait() for process in processes] == [0, 0]
    with reopened(directory) as state:
        assert {k.name for k in state.applied()} == {f"{name}{n}" for name in "ab" for n in range(40)}
        assert state.recovered is None
