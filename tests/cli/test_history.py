"""The history records what was done on the command line, and by which user."""

import json
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kvmreconcile.cli.history_view import history_text
from kvmreconcile.cli.recording import invoker
from kvmreconcile.errors import StateError
from kvmreconcile.model import Key
from kvmreconcile.render import Palette
from kvmreconcile.state import HistoryEntry, Retention, State
from kvmreconcile.state.database import FILE
from kvmreconcile.state.history import Cause, EntryKind
from tests.cli.conftest import Host, network

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all commands as alice with sudo."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "alice")
    monkeypatch.setenv("TZ", "UTC")


def entries(host: Host, *words: str) -> list[dict[str, object]]:
    result = host.run("history", "-o", "json", *words)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "kvmreconcile/history/1"
    found: list[dict[str, object]] = document["entries"]
    return found


def test_history_contains_apply_with_steps_and_user(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")

    began, create, start, ended = entries(host)

    assert (began["what"], began["verb"], began["who"], began["steps"]) == ("pass", "apply", "alice", 2)
    assert (create["key"], create["verb"], create["result"], create["who"]) == (
        "Network/lab",
        "create",
        "done",
        "alice",
    )
    assert (start["verb"], start["run"]) == ("start", began["run"])
    assert (ended["what"], ended["steps"], ended["wrong"]) == ("ended", 2, 0)


def test_history_contains_failed_step_with_error(host: Host) -> None:
    inside = '<ip address="10.0.0.1" prefix="24"/><route address="10.9.0.5" prefix="24" gateway="10.0.0.2"/>'
    host.write("a.yaml", network("lab", f"{{xml: '<network>{inside}</network>'}}"))
    assert host.run("apply", str(host.specs), "--yes").exit_code == 1

    (failed,) = (entry for entry in entries(host) if entry.get("result") == "failed")

    assert "10.9.0.5" in str(failed["error"])
    assert "FAILED" in host.run("history").stdout


def test_history_contains_approval_of_plan(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    digest = json.loads(host.run("plan", str(host.specs), "-o", "json").stdout)["digest"]
    host.run("apply", str(host.specs), "--approve", digest)

    order = entries(host)[0]

    assert order == {
        "at": order["at"],
        "what": "order",
        "run": order["run"],
        "plan": digest,
        "who": "alice",
        "verb": "approve",
    }


def test_history_contains_adopt_but_no_dry_run(host: Host) -> None:
    host.virt.networkDefineXML("<network><name>lab</name></network>")

    host.run("adopt", "Network/lab", "--dry-run")
    assert entries(host) == []
    host.run("adopt", "Network/lab")

    began, own, ended = entries(host)
    assert (began["verb"], began["who"], own["verb"], own["key"]) == ("adopt", "alice", "own", "Network/lab")
    assert ended["steps"] == 1


def test_history_of_one_object_omits_other_objects(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.write("b.yaml", network("other"))
    host.run("apply", str(host.specs), "--yes")

    assert {entry["key"] for entry in entries(host, "Network/lab")} == {"Network/lab"}
    assert "unknown kind 'Netwrok'" in host.run("history", "Netwrok/lab").stderr


def test_history_is_limited_and_newest_entry_is_last(host: Host) -> None:
    now = datetime.now(UTC)
    record(host, *(step(str(hours), now - timedelta(hours=hours)) for hours in (50, 3, 2, 1)))

    assert names(host) == ["50", "3", "2", "1"]
    assert names(host, "-n", "2") == ["2", "1"]
    assert names(host, "--since", "150min") == ["2", "1"]
    assert names(host, "--since", "2d") == ["3", "2", "1"]
    assert names(host, "--since", (now - timedelta(minutes=90)).isoformat()) == ["1"]
    assert names(host, "--since", (now + timedelta(days=2)).strftime("%Y-%m-%d")) == []
    assert names(host, "--since", "99999999d") == ["50", "3", "2", "1"]


def step(name: str, at: datetime) -> HistoryEntry:
    return HistoryEntry(at=at, what=EntryKind.STEP, key=Key("Network", name), verb="start", result="done")


def record(host: Host, *many: HistoryEntry) -> None:
    state = State.open(host.state)
    state.record(many, Retention(), many[-1].at)
    state.close()


def names(host: Host, *words: str) -> list[str]:
    return [str(entry["key"]).removeprefix("Network/") for entry in entries(host, *words)]


@pytest.mark.parametrize("when", ["yesterday", "5", "2026-13-01"])
def test_invalid_time_is_refused_with_example(host: Host, when: str) -> None:
    result = host.run("history", "--since", when)

    assert result.exit_code == 1
    assert f'--since {when}: not a valid duration or time; write a duration such as "2h"' in result.stderr


@pytest.mark.parametrize("words", [("Domain/none",), ("--since", "1ms")])
def test_history_without_match_is_not_reported_as_empty(host: Host, words: tuple[str, ...]) -> None:
    host.run("suspend", "--all")

    assert host.run("history", *words).stderr == "no matching entries in the history\n"


def test_empty_history_is_reported_without_creating_a_file(host: Host) -> None:
    result = host.run("history")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "the history is empty" in result.stderr
    assert not host.state.exists()


def test_full_disk_does_not_stop_apply_and_is_reported_once(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_said: object) -> None:
        raise StateError("the disk is full")

    monkeypatch.setattr(State, "record", full)
    host.write("a.yaml", network("lab"))

    result = host.run("apply", str(host.specs), "--yes")

    assert result.exit_code == 0
    assert result.stderr.count("the history cannot be written: the disk is full") == 1
    assert entries(host) == []


def test_control_characters_in_history_are_escaped(host: Host) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    with sqlite3.connect(host.state / FILE) as database:
        database.execute("UPDATE history SET who = ?, error = ?", ("\x1b[31m", "a\nb\x07"))
    database.close()

    shown = host.run("history").stdout

    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown
    assert "a; b\\x07" in shown


def test_invoking_user_is_recorded_by_name_or_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert invoker({"SUDO_USER": "alice"}) == "alice"
    assert invoker({}) == "root"
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    assert invoker({"SUDO_USER": "alice"}) == "4000000"


def test_text_has_one_line_per_entry_with_details() -> None:
    web, db = Key("Domain", "web1"), Key("Domain", "db1")
    cause = Cause("351d287f", "run", "7780c4a26a64")
    many = (
        replace(cause.entry(NOW, EntryKind.PLANNED), verb="run", reason="specs", steps=2, held=1,
                revision="5d2c9a61f0b3ffff", author="Alice <alice@example.org>"),
        HistoryEntry(at=NOW, what=EntryKind.HELD, key=db, verb="restart", reason="costs too much", error="no window"),
        HistoryEntry(at=NOW, what=EntryKind.STEP, key=web, verb="define", result="done", reason="the spec changed",
              changes=("~ memory", "~ currentMemory"), took_s=0.256),
        HistoryEntry(at=NOW, what=EntryKind.STEP, key=web, verb="start", result="failed", error="no\nway", who="bob"),
        HistoryEntry(at=NOW, what=EntryKind.STEP, key=web, verb="ready", result="skipped", error="start failed"),
        replace(cause.entry(NOW, EntryKind.ENDED), verb="run", steps=1, wrong=1, took_s=1.02),
        HistoryEntry(at=NOW + timedelta(days=1), what=EntryKind.ORDER, verb="suspend", key=web, who="bob", reason="moving"),
        HistoryEntry(at=NOW + timedelta(days=1), what=EntryKind.ORDER, verb="suspend", who="bob"),
        HistoryEntry(at=NOW + timedelta(days=1), what=EntryKind.REFUSED, verb="approve", plan="7780c4a26a64", who="eve"),
        HistoryEntry(at=NOW + timedelta(days=1), what=EntryKind.BROKEN, run="351d287f", error="the disk is on fire"),
        HistoryEntry(at=NOW + timedelta(days=1), what=EntryKind.BROKEN, error="3 earlier entries are missing"),
        replace(cause.entry(NOW + timedelta(days=1), EntryKind.PLANNED), verb="apply", who="bob"),
    )  # fmt: skip

    assert (
        history_text(many, Palette.PLAIN)
        == """\
Mon 2026-11-23
03:00:00  pass 351d287f (specs): 2 actions planned, 1 held; plan 7780c4a26a64
            commit 5d2c9a61f0b3 by Alice <alice@example.org>
03:00:00    held    restart Domain/db1: costs too much (no window)
03:00:00    done    define Domain/web1 (0.26 s): the spec changed
                    ~ memory, ~ currentMemory
03:00:00    FAILED  start Domain/web1 (0.00 s) by bob
                    no; way
03:00:00    skipped ready Domain/web1
                    start failed
03:00:00  pass 351d287f ended: 1 action done, 1 failed (1.02 s)
Tue 2026-11-24
03:00:00  suspend Domain/web1 by bob: moving
03:00:00  suspend everything by bob
03:00:00  refused: approve 7780c4a26a64 by eve
03:00:00  pass 351d287f aborted: the disk is on fire
03:00:00  note: 3 earlier entries are missing
03:00:00  apply 351d287f by bob: nothing to do now; plan 7780c4a26a64"""
    )


def test_history_during_an_apply_neither_waits_nor_changes_anything(host: Host, tmp_path: Path) -> None:
    host.write("a.yaml", network("lab"))
    host.run("apply", str(host.specs), "--yes")
    writer = sqlite3.connect(host.state / FILE, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM history")

    assert len(entries(host)) == 4

    writer.execute("ROLLBACK")
    writer.close()
