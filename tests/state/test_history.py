"""The history; its errors never stop a pass."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmreconcile.errors import StateError
from kvmreconcile.model import Action, Held, Hold, Key, Outcome, Plan, Reason, Report, Result
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.state import HistoryEntry, Recorder, Retention, State
from kvmreconcile.state import recorder as recorder_module
from kvmreconcile.state.database import FILE
from kvmreconcile.state.history import Cause, EntryKind, with_order
from kvmreconcile.state.history_rows import read_entry, write_entry
from kvmreconcile.tree import Change, Effect, make
from tests.state.values import DISK, WEB

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
CAUSE = Cause("0badcafe", "run", "cafe", "abc123", "Alice <alice@example.org>", "bob")
DEFINE = Action(
    WEB,
    verb_of("define"),
    Effect.NEXT_BOOT,
    Reason.EDIT,
    (
        Change(("memory",), "memory", "1", "2"),
        Change(("devices", "disk[a]"), "", None, make("disk")),
        Change((), "", None, make("domain")),
    ),
)


def step(key: Key = WEB, error: str = "", at: datetime = NOW) -> HistoryEntry:
    return HistoryEntry(
        at=at, what=EntryKind.STEP, key=key, verb="start", result="failed" if error else "done", error=error
    )


def record(state: State, *entries: HistoryEntry, keep: Retention | None = None, now: datetime = NOW) -> None:
    state.record(entries, keep or Retention(), now)


def test_history_is_sorted_newest_first(state: State) -> None:
    record(state, step(DISK), step(WEB, "no"))

    assert state.history(10) == (step(WEB, "no"), step(DISK))
    assert state.history(1) == (step(WEB, "no"),)


def test_history_of_one_object_omits_other_objects(state: State) -> None:
    record(state, step(WEB), step(DISK), HistoryEntry(at=NOW, what=EntryKind.PLANNED), step(WEB))

    assert [entry.key for entry in state.history(10, DISK)] == [DISK]
    assert len(state.history(10, WEB)) == 2


def test_history_since_a_time_omits_earlier_entries(state: State) -> None:
    later = NOW + timedelta(minutes=1)
    record(state, step(at=NOW), step(at=later))

    assert [entry.at for entry in state.history(10, since=later)] == [later]
    assert [
        entry.at for entry in state.history(10, since=later.astimezone(timezone(timedelta(hours=5))))
    ] == [later]


def test_history_keeps_a_maximum_number_of_entries(state: State) -> None:
    for number in range(4):
        record(state, step(error=f"{number}a"), step(error=f"{number}b"), keep=Retention(entries=5))

    assert [entry.error for entry in state.history(99)] == ["3b", "3a", "2b", "2a", "1b"]


def test_old_entries_are_deleted_even_without_new_ones(state: State) -> None:
    keep = Retention(age_s=3600.0)
    record(state, step(), step(at=NOW + timedelta(minutes=59)), keep=keep)

    record(state, keep=keep, now=NOW + timedelta(minutes=61))

    assert [entry.at for entry in state.history(99)] == [NOW + timedelta(minutes=59)]


def test_wrong_clock_does_not_delete_all_entries(state: State) -> None:
    record(state, *[step(error=str(number)) for number in range(500)])

    record(state, now=NOW + timedelta(days=10_000))

    assert len(state.history(999)) == 400


def test_unreadable_entry_is_an_error_with_advice(state: State, tmp_path: Path) -> None:
    record(state, step())
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE history SET at = 'yesterday'")
    database.close()

    with pytest.raises(StateError, match="a history entry cannot be read"):
        state.history(10)


texts = st.text(max_size=8)


@given(
    st.builds(
        HistoryEntry,
        at=st.datetimes(timezones=st.just(UTC)),
        what=st.sampled_from(EntryKind),
        key=st.none() | st.builds(Key, texts.filter(bool), texts),
        changes=st.lists(texts, max_size=2).map(tuple),
        took_s=st.floats(0, 1e6),
        **dict.fromkeys(("run", "plan", "revision", "author", "who", "verb", "effect", "reason"), texts),
        **dict.fromkeys(("result", "error"), texts),
        **{name: st.integers(0, 2**31) for name in ("steps", "held", "wrong")},
    )
)
def test_entries_are_read_as_written(entry: HistoryEntry) -> None:
    with sqlite3.connect(":memory:") as database:
        row = write_entry(entry)
        back = database.execute(f"SELECT 1{', ?' * len(row)}", row).fetchone()
    database.close()

    assert read_entry(back) == entry


def test_step_entry_has_its_cause_and_paths_without_values() -> None:
    entry = CAUSE.step_entry(NOW, Outcome(DEFINE, Result.FAILED, 0.25, "no"), Plan())

    assert (entry.run, entry.plan, entry.revision, entry.who) == ("0badcafe", "cafe", "abc123", "bob")
    assert entry.author == "Alice <alice@example.org>"
    assert (entry.key, entry.verb, entry.effect, entry.reason) == (
        WEB,
        "define",
        "next-boot",
        Reason.EDIT.value,
    )
    assert entry.changes == ("~ memory", "+ devices/disk[a]")
    assert (entry.result, entry.took_s, entry.error) == ("failed", 0.25, "no")


def test_new_holds_have_one_entry_for_each_object_and_hold() -> None:
    restart = Action(WEB, verb_of("restart"), Effect.RESTART, Reason.EDIT)
    held = (Held(DEFINE, Hold.EFFECT, "too dear"), Held(restart, Hold.EFFECT), Held(restart, Hold.WINDOW))

    reported = list(CAUSE.held_entries(NOW, Plan(held=held), {(WEB, Hold.EFFECT)}))

    assert [(e.what, e.verb, e.effect, e.reason, e.error) for e in reported] == [
        (EntryKind.HELD, "define, restart", "restart", Hold.EFFECT.value, "too dear")
    ]


def test_end_entry_counts_done_and_failed_steps() -> None:
    results = (Result.DONE, Result.DONE, Result.FAILED, Result.SKIPPED)

    entry = CAUSE.end_entry(NOW, Report(Plan(), tuple(Outcome(DEFINE, result) for result in results)), 1.5)

    assert (entry.what, entry.steps, entry.wrong, entry.took_s) == (EntryKind.ENDED, 2, 1, 1.5)


@pytest.mark.parametrize(
    ("about", "key", "plan"), [("Domain/web1", WEB, ""), ("cafe", None, "cafe"), ("", None, "")]
)
def test_order_entry_is_about_an_object_a_plan_or_all(about: str, key: Key | None, plan: str) -> None:
    entry = with_order(
        HistoryEntry(at=NOW, what=EntryKind.ORDER, who="bob"), "suspend", about, "moving disks"
    )

    assert (entry.verb, entry.key, entry.plan) == ("suspend", key, plan)
    assert (entry.who, entry.reason) == ("bob", "moving disks")


class Full:
    """A disk that can be made full."""

    def __init__(self, state: State) -> None:
        pages = state._database.execute("PRAGMA page_count").fetchone()[0]
        self._state = state
        self._pages = pages

    def fill(self) -> None:
        self._state._database.execute(f"PRAGMA max_page_count = {self._pages}")

    def empty(self) -> None:
        self._state._database.execute("PRAGMA max_page_count = 100000")


LONG = "x" * 50_000


def test_full_disk_is_reported_once_and_waiting_entries_are_written_later(state: State) -> None:
    reported: list[str] = []
    recorder, disk = Recorder(state, Retention(), reported.append), Full(state)
    recorder.record(NOW, step(error="before"))
    disk.fill()
    for number in range(3):
        recorder.record(NOW, step(error=f"{number}{LONG}"))
    assert [entry.error for entry in state.history(9)] == ["before"]
    assert len(reported) == 1
    assert "make space" in reported[0]

    disk.empty()
    recorder.record(NOW)

    assert [entry.error[:6] for entry in state.history(9)] == ["2xxxxx", "1xxxxx", "0xxxxx", "before"]
    assert reported[1:] == [""]
    recorder.record(NOW)
    assert len(reported) == 2


def test_waiting_entries_are_limited_and_dropped_ones_reported(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "WAITING", 2)
    recorder, disk = Recorder(state, Retention(), lambda _why: None), Full(state)
    disk.fill()
    for number in range(5):
        recorder.record(NOW, step(error=f"{number}{LONG}"))

    disk.empty()
    recorder.record(NOW, step(error="after"))

    *kept, gap = state.history(9)
    assert [entry.error[:5] for entry in kept] == ["after", "4xxxx", "3xxxx"]
    assert (gap.what, gap.error.partition(",")[0]) == (EntryKind.BROKEN, "3 history entries were dropped")


def test_many_entries_are_written_together(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WAITING", 2)

    Recorder(state, Retention(), lambda _why: None).record(NOW, *(step(error=str(n)) for n in range(3)))

    assert [entry.error for entry in state.history(9)] == ["2", "1", "0"]
