"""The probation of an edit is kept across processes until it ends."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import Key, Probation
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from kvmreconcile.tree import parse
from tests.state.values import WEB, reopened

PROBATION = Probation("1234", parse("<domain><memory>1</memory></domain>"), autostart=True)
OTHER = Probation("5678", parse("<domain/>"), failed="it is silent")


def test_probations_are_read_by_the_next_process(state: State, tmp_path: Path) -> None:
    state.put_probation(WEB, PROBATION)
    state.put_probation(Key("Domain", "db"), OTHER)
    state.close()

    with reopened(tmp_path) as again:
        assert again.probations() == {Key("Domain", "db"): OTHER, WEB: PROBATION}


def test_outcome_of_a_probation_replaces_its_stored_record(state: State) -> None:
    state.put_probation(WEB, PROBATION)
    state.put_probation(WEB, replace(PROBATION, failed="it is silent"))

    assert state.probations() == {WEB: replace(PROBATION, failed="it is silent")}


def test_only_the_ended_probation_is_deleted(state: State) -> None:
    state.put_probation(WEB, PROBATION)
    state.put_probation(Key("Domain", "db"), OTHER)

    state.end_probation(WEB)
    state.end_probation(WEB)

    assert state.probations() == {Key("Domain", "db"): OTHER}


def test_unreadable_probation_affects_only_its_object(state: State, tmp_path: Path) -> None:
    state.put_probation(WEB, PROBATION)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE trials SET tree = '{'")
    database.close()

    assert state.probations() == {}
    assert f"the record of {WEB} in table trials cannot be read" in state.unreadable()[WEB]
