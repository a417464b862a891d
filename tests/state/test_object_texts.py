"""The file of each object's last spec, in the state."""

import sqlite3
from pathlib import Path

import pytest

from kvmreconcile.model import Key
from kvmreconcile.state.database import FILE
from tests.state.values import WEB, reopened

pytestmark = pytest.mark.case("46")

DB = Key("Domain", "db")


def test_files_of_known_objects_are_kept_without_a_spec(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.spec_files.record({WEB: "/specs/web.yaml", DB: "/specs/db.yaml"}, {WEB})
        state.spec_files.record({WEB: "/specs/other.yaml"}, {WEB, DB})
    with reopened(tmp_path) as state:
        assert state.spec_files.all() == {WEB: "/specs/other.yaml", DB: "/specs/db.yaml"}
        state.spec_files.record({}, {WEB})
        assert state.spec_files.all() == {WEB: "/specs/other.yaml"}


def test_unreadable_row_is_skipped(tmp_path: Path) -> None:
    with reopened(tmp_path) as state:
        state.spec_files.record({WEB: "/specs/web.yaml"}, ())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("INSERT INTO spec_files VALUES ('Domain', 'db', x'00')")
    database.close()
    with reopened(tmp_path) as state:
        assert state.spec_files.all() == {WEB: "/specs/web.yaml"}
