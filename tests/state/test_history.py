"""People can look back at what was done."""

from datetime import UTC, datetime

import pytest

from kvmreconcile.model import (
    Action,
    Desired,
    Key,
    Observation,
    Outcome,
    Plan,
    Reason,
    Report,
    Result,
    Source,
    World,
)
from kvmreconcile.state import State
from kvmreconcile.state import state as state_module
from kvmreconcile.tree import Change, Effect, Node, make
from tests.state.values import DISK, WEB

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def report(*outcomes: Outcome) -> Report:
    return Report(Plan(digest="cafe"), outcomes)


def world() -> World:
    desired = Desired(WEB, Node("domain"), source=Source("web1.yaml", 1, 1, "abc123"))
    return World("lab", "host1", NOW, {WEB: desired}, Observation(), {})


def outcome(key: Key, result: Result = Result.DONE, error: str = "") -> Outcome:
    changes = (
        Change(("memory",), "memory", "1", "2"),
        Change(("devices", "disk[a]"), "", None, make("disk")),
    )
    return Outcome(Action(key, "define", Effect.NEXT_BOOT, Reason.EDIT, changes), result, 0.25, error)


def test_history_tells_what_was_done_newest_first(state: State) -> None:
    state.record(report(outcome(DISK), outcome(WEB, Result.FAILED, "no")), world())

    first, second = state.history(10)

    assert (first.key, first.result, first.error, first.revision) == (WEB, "failed", "no", "abc123")
    assert (second.key, second.result, second.revision) == (DISK, "done", "")
    assert (first.at, first.plan, first.verb, first.effect) == (NOW, "cafe", "define", "next-boot")
    assert (first.changes, first.took_s) == (("~ memory", "+ devices/disk[a]"), 0.25)
    assert first.reason == Reason.EDIT.value


def test_history_of_one_object_leaves_out_the_others(state: State) -> None:
    state.record(report(outcome(WEB), outcome(DISK), outcome(WEB)), world())

    assert [entry.key for entry in state.history(10, DISK)] == [DISK]
    assert len(state.history(2)) == 2


def test_history_does_not_grow_without_end(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_module, "HISTORY_ROWS", 5)
    for number in range(4):
        state.record(report(outcome(WEB, error=f"{number}a"), outcome(WEB, error=f"{number}b")), world())

    assert [entry.error for entry in state.history(99)] == ["3b", "3a", "2b", "2a", "1b"]


def test_a_pass_that_did_nothing_leaves_no_trace(state: State) -> None:
    state.record(report(), world())

    assert state.history(10) == ()
