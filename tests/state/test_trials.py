"""The way back from an edit is there for the next process, until it is not needed any more."""

import sqlite3
from dataclasses import replace
from pathlib import Path

from kvmreconcile.model import Key, Probation
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from kvmreconcile.tree import parse
from tests.state.values import WEB, reopened

TRIAL = Probation("1234", parse("<domain><memory>1</memory></domain>"), autostart=True)
OTHER = Probation("5678", parse("<domain/>"), failed="it is silent")


def test_edits_that_are_tried_are_there_for_the_next_process(state: State, tmp_path: Path) -> None:
    state.put_probation(WEB, TRIAL)
    state.put_probation(Key("Domain", "db"), OTHER)
    state.close()

    with reopened(tmp_path) as again:
        assert again.probations() == {Key("Domain", "db"): OTHER, WEB: TRIAL}


def test_what_came_of_an_edit_takes_the_place_of_what_was_known(state: State) -> None:
    state.put_probation(WEB, TRIAL)
    state.put_probation(WEB, replace(TRIAL, failed="it is silent"))

    assert state.probations() == {WEB: replace(TRIAL, failed="it is silent")}


def test_edit_that_is_over_is_forgotten_and_no_other(state: State) -> None:
    state.put_probation(WEB, TRIAL)
    state.put_probation(Key("Domain", "db"), OTHER)

    state.end_probation(WEB)
    state.end_probation(WEB)

    assert state.probations() == {Key("Domain", "db"): OTHER}


def test_way_back_that_is_garbled_costs_its_own_object_alone(state: State, tmp_path: Path) -> None:
    state.put_probation(WEB, TRIAL)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE trials SET tree = '{'")
    database.close()

    assert state.probations() == {}
    assert f"the record of {WEB} in table trials cannot be read" in state.unreadable()[WEB]
