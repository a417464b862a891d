"""The record of a stored edit is kept across processes until the edit is in force."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.model import Key, Refusal, StoredEdit
from kvmreconcile.state import State
from kvmreconcile.state.database import FILE
from kvmreconcile.tree import Change, make
from tests.state.values import WEB, reopened

DISK = ("devices", "disk[root]")
REFUSED = Refusal((DISK, ("memory",)), DISK, "no such thing", 3, datetime(2026, 11, 23, 3, tzinfo=UTC))
EDIT = StoredEdit(
    "1234",
    (
        Change(("memory",), "memory", "1", "2"),
        Change(DISK, "devices/disk", None, make("disk", {"bus": "virtio"}, "", (make("target"),))),
    ),
    (Change(("devices", "controller[0]"), "devices/controller", make("controller"), None),),
    (REFUSED, replace(REFUSED, within=(), until=None)),
    "libvirt 9.0.0, QEMU 7.2.22",
)
OTHER = StoredEdit("5678")


def test_stored_edits_are_read_by_the_next_process(state: State, tmp_path: Path) -> None:
    state.put_edit(WEB, EDIT)
    state.put_edit(Key("Network", "lan"), OTHER)
    state.close()

    with reopened(tmp_path) as again:
        assert again.edits() == {Key("Network", "lan"): OTHER, WEB: EDIT}


def test_outcome_of_an_edit_replaces_its_stored_record(state: State) -> None:
    state.put_edit(WEB, EDIT)
    state.put_edit(WEB, OTHER)

    assert state.edits() == {WEB: OTHER}


def test_only_the_edit_in_force_is_deleted(state: State) -> None:
    state.put_edit(WEB, EDIT)
    state.put_edit(Key("Network", "lan"), OTHER)

    state.end_edit(WEB)
    state.end_edit(WEB)

    assert state.edits() == {Key("Network", "lan"): OTHER}


def test_edit_of_a_renamed_object_is_deleted(state: State) -> None:
    state.put_edit(WEB, EDIT)

    state.rename(WEB, Key("Domain", "web2"))

    assert state.edits() == {}


@pytest.mark.parametrize(
    "garbage",
    ["changes = '{'", "changes = '[[1]]'", "refused = '[[]]'", """filled = '[[["a"], "a", null, {}]]'"""],
)
def test_unreadable_edit_affects_only_its_object(state: State, tmp_path: Path, garbage: str) -> None:
    state.put_edit(WEB, EDIT)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute(f"UPDATE edits SET {garbage}")
    database.close()

    assert state.edits() == {}
    assert f"the record of {WEB} in table edits cannot be read" in state.unreadable()[WEB]
