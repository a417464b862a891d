"""Audit events, and the page that documents them."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvmreconcile.state import HistoryEntry
from kvmreconcile.state.audit import _BY_VERB, EVENTS, audit_fields, audit_type
from kvmreconcile.state.history import EntryKind
from kvmreconcile.tree import Effect
from tests.state.values import WEB

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
ORDERS = ("approve", "suspend", "resume", "reconcile", "accept", "apply", "adopt", "dance")


def step(verb: str, effect: Effect = Effect.LIVE, result: str = "done") -> HistoryEntry:
    return HistoryEntry(at=NOW, what=EntryKind.STEP, key=WEB, verb=verb, effect=str(effect), result=result)


def test_audit_page_lists_every_event_type() -> None:
    page = (ROOT / "docs/audit.md").read_text()

    documented = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.*) \|$", page, re.MULTILINE)

    assert dict(documented) == EVENTS
    assert len(documented) == len(EVENTS)


def test_every_audit_log_line_has_an_event_type() -> None:
    modules = [file.read_text() for file in (ROOT / "kvmreconcile").rglob("*.py")]
    marked = {e for text in modules for e in re.findall(r'"([a-z]+\.[a-z_]+)", audit=True', text)}
    orders = {audit_type(HistoryEntry(at=NOW, what=EntryKind.ORDER, verb=verb)) for verb in ORDERS}
    steps = {
        audit_type(step(verb, effect)) for verb in (*_BY_VERB, "remove", "unheard-of") for effect in Effect
    } - {""}

    assert marked | orders | steps | {"order.refused"} == EVENTS.keys()


@pytest.mark.parametrize(
    ("verb", "effect", "event"),
    [
        ("remove", Effect.DATA_LOSS, "object.removed"),
        ("recreate", Effect.DATA_LOSS, "object.data_lost"),
        ("replace", Effect.REPLACE, "object.replaced"),
        ("update", Effect.RESTART, "object.restarted"),
        ("restart", Effect.RESTART, "object.restarted"),
        ("own", Effect.LIVE, "object.adopted"),
        ("attach", Effect.LIVE, "object.changed"),
        ("define", Effect.NEXT_BOOT, "object.changed"),
        ("resume", Effect.LIVE, "object.started"),
        ("suspend", Effect.LIVE, "object.stopped"),
        ("ready", Effect.LIVE, ""),
    ],
)
def test_audit_type_of_a_step_depends_on_its_effect_before_its_verb(
    verb: str, effect: Effect, event: str
) -> None:
    assert audit_type(step(verb, effect)) == event
    assert audit_type(step(verb, effect, "failed")) == event


def test_skipped_steps_are_not_audit_events() -> None:
    assert audit_type(step("remove", result="skipped")) == ""
    assert [
        audit_type(HistoryEntry(at=NOW, what=what))
        for what in (EntryKind.HELD, EntryKind.ENDED, EntryKind.BROKEN)
    ] == [""] * 3


def test_passes_started_by_commands_are_audit_events() -> None:
    words = ("run", "apply", "adopt")

    events = [audit_type(HistoryEntry(at=NOW, what=EntryKind.PLANNED, verb=word)) for word in words]

    assert events == ["", "order.applied", "order.adopted"]


def test_audit_fields_contain_user_object_and_outcome_but_no_empty_values() -> None:
    done = HistoryEntry(
        at=NOW, what=EntryKind.STEP, key=WEB, verb="remove", result="done", who="bob", revision="abc"
    )
    refused = HistoryEntry(
        at=NOW, what=EntryKind.REFUSED, verb="approve", plan="cafe", who="eve", reason="is no operator"
    )

    assert audit_fields(done) == {
        "audit": True,
        "key": "Domain/web1",
        "verb": "remove",
        "result": "done",
        "who": "bob",
        "commit": "abc",
    }
    assert audit_fields(refused) == {
        "audit": True,
        "order": "approve",
        "result": "refused",
        "who": "eve",
        "why": "is no operator",
        "plan": "cafe",
    }
