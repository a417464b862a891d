"""The source of specs of each object, in the state."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kvmreconcile.model import Root, SpecSource
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from tests.state.values import DISK, WEB, applied, reopened

pytestmark = pytest.mark.case("54")

FILES = SpecSource((Root("/srv/a.yaml"), Root("/srv/b")))
REPOSITORY = SpecSource((Root("hosts/a", "https://h/specs.git"),))


def test_sources_are_read_by_the_next_process(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.sources.put({WEB: FILES, DISK: FILES})
        state.sources.put({DISK: REPOSITORY})

    with closing(State.open_readonly(tmp_path)) as reader:
        assert reader.sources.all() == {WEB: FILES, DISK: REPOSITORY}


def test_source_is_deleted_and_renamed_with_its_object(tmp_path: Path) -> None:
    new = WEB.__class__("Domain", "new")
    with reopened(tmp_path) as state:
        state.put(applied())
        state.sources.put({WEB: FILES, new: REPOSITORY})

        state.rename(WEB, new)
        assert state.sources.all() == {new: FILES}
        state.forget(new)
        assert state.sources.all() == {}


@pytest.mark.parametrize("roots", ["", "7", "[7]", "{}", "[[1]]", "[" * 5000, None, b"\xff"])
def test_unreadable_row_counts_as_an_unknown_source(tmp_path: Path, roots: str | bytes | None) -> None:
    State.open(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        database.execute("INSERT INTO sources VALUES ('Domain', 'web1', ?)", (roots,))

    with reopened(tmp_path) as state:
        assert state.sources.all() == {WEB: SpecSource()}
