"""The entries of the history and the audit lines of the log."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from kvmreconcile.daemon.history import HistoryWriter
from kvmreconcile.errors import Problem
from kvmreconcile.events.events import (
    ActionFinished,
    HistoryNotWritten,
    OrderGiven,
    OrderRefused,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
    publish,
)
from kvmreconcile.model import (
    Action,
    Held,
    Hold,
    Key,
    Observation,
    Outcome,
    Plan,
    Reason,
    Report,
    Result,
    World,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.state import HistoryEntry, Retention, State
from kvmreconcile.state.history import EntryKind
from kvmreconcile.tree import Effect

WEB, DB = Key("Domain", "web"), Key("Domain", "db")
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NOTHING = Plan(digest="0")
WRONG = Problem("web.yaml:3:1", "is wrong", "correct it")


def action(key: Key, verb: str = "define") -> Action:
    return Action(key, verb_of(verb), Effect.LIVE, Reason.EDIT)


def pass_planned(plan: Plan, pass_id: str = "p1", *problems: Problem, **more: Any) -> PassPlanned:
    allowed = more.pop("allowed", plan)
    return PassPlanned(
        at=NOW,
        pass_id=pass_id,
        triggered_by=more.pop("triggered_by", ("specs",)),
        commit=more.pop("commit", ""),
        specs=Loaded((), {}, problems, frozenset(), complete=True),
        world=World("lab", "host1", NOW, {}, Observation(), {}),
        plan=plan,
        allowed=allowed,
        waits={},
        busy=frozenset(),
        took_s=0.5,
        **more,
    )


def action_finished(
    at: PassPlanned, key: Key, result: Result = Result.DONE, verb: str = "define", error: str = ""
) -> ActionFinished:
    return ActionFinished(NOW, at, Outcome(action(key, verb), result, 0.25, error))


@dataclass
class Bench:
    """A state database and the history writer."""

    state: State
    published: list[PassEvent] = field(default_factory=list)
    history_writer: HistoryWriter = field(init=False)

    def __post_init__(self) -> None:
        self.history_writer = HistoryWriter(self.state, Retention(), self.published.append)

    def receive(self, *events: PassEvent) -> list[HistoryEntry]:
        """Publish events, and return the entries that they added."""
        before = len(self.state.history(-1))
        for each in events:
            self.history_writer(each)
        return list(self.state.history(-1)[::-1][before:])

    def audit_lines(self, *events: PassEvent) -> list[Any]:
        """Publish events, and return the audit lines of the log."""
        with capture_logs() as lines:
            self.receive(*events)
        return [line for line in lines if line.get("audit")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    structlog.reset_defaults()
    state = State.open(tmp_path)
    yield Bench(state)
    state.close()


def test_pass_with_changes_is_recorded_with_steps_and_end(bench: Bench) -> None:
    plan = Plan((action(WEB), action(DB)), digest="cafe")
    pass_1 = pass_planned(plan, commit="abc123", author="Alice", triggered_by=("specs", "resync"))
    report = Report(plan, tuple(Outcome(a, Result.DONE) for a in plan.actions))

    planned_entry, first, second, end_entry = bench.receive(
        pass_1,
        action_finished(pass_1, WEB),
        action_finished(pass_1, DB),
        PassFinished(pass_1, report, {}, 2.0),
    )

    assert (planned_entry.what, planned_entry.run, planned_entry.plan, planned_entry.verb) == (
        EntryKind.PLANNED,
        "p1",
        "cafe",
        "run",
    )
    assert (planned_entry.reason, planned_entry.steps, planned_entry.took_s) == ("specs, resync", 2, 0.5)
    assert (planned_entry.revision, planned_entry.author) == ("abc123", "Alice")
    assert [(e.what, e.key, e.result, e.run) for e in (first, second)] == [
        (EntryKind.STEP, WEB, "done", "p1"),
        (EntryKind.STEP, DB, "done", "p1"),
    ]
    assert (end_entry.what, end_entry.run, end_entry.steps, end_entry.took_s) == (
        EntryKind.ENDED,
        "p1",
        2,
        2.5,
    )


def test_pass_without_changes_is_not_recorded(bench: Bench) -> None:
    held = Plan(held=(Held(action(WEB), Hold.EFFECT),), digest="cafe")
    bench.receive(pass_planned(held, "p1", WRONG))

    assert bench.receive(pass_planned(held, "p2", WRONG), pass_planned(held, "p3", WRONG)) == []
    assert bench.receive(pass_planned(NOTHING, "p4"), pass_planned(NOTHING, "p5")) == []


def test_pass_with_new_hold_or_problem_is_recorded(bench: Bench) -> None:
    both = Plan(held=(Held(action(WEB), Hold.EFFECT), Held(action(DB), Hold.WINDOW)), digest="beef")
    first = Plan(held=both.held[:1], digest="cafe")

    planned_entry, held = bench.receive(pass_planned(first))
    began_2, held_2 = bench.receive(pass_planned(both, "p2"))
    (wrong,) = bench.receive(pass_planned(both, "p3", WRONG))

    assert (planned_entry.held, held.what, held.key, held.reason) == (
        1,
        EntryKind.HELD,
        WEB,
        Hold.EFFECT.value,
    )
    assert (began_2.held, held_2.key, held_2.reason) == (2, DB, Hold.WINDOW.value)
    assert (wrong.what, wrong.wrong) == (EntryKind.PLANNED, 1)


def test_pass_with_new_commit_is_recorded(bench: Bench) -> None:
    (planned_entry,) = bench.receive(pass_planned(NOTHING, commit="abc123"))

    assert (planned_entry.revision, planned_entry.steps) == ("abc123", 0)
    assert bench.receive(pass_planned(NOTHING, "p2", commit="abc123")) == []


def test_retried_step_is_recorded_with_its_pass(bench: Bench) -> None:
    plan = Plan((action(WEB), action(DB)), digest="cafe")
    bench.receive(pass_planned(plan))
    again = pass_planned(plan, "p2", allowed=replace(plan, actions=(action(WEB),)))

    assert bench.receive(again) == []
    planned_entry, failed = bench.receive(action_finished(again, WEB, Result.FAILED, error="no"))

    assert (planned_entry.run, planned_entry.steps) == ("p2", 1)
    assert (failed.run, failed.result, failed.error) == ("p2", "failed", "no")


def test_repeatedly_skipped_step_is_recorded_once(bench: Bench) -> None:
    plan = Plan((action(WEB),), digest="cafe")
    for pass_id, count in (("p1", 3), ("p2", 0), ("p3", 0)):
        planned = pass_planned(plan, pass_id)
        report = Report(plan, (Outcome(action(WEB), Result.SKIPPED, error="dry run"),))

        published = bench.receive(
            planned,
            action_finished(planned, WEB, Result.SKIPPED, error="dry run"),
            PassFinished(planned, report, {}, 0.0),
        )

        assert len(published) == count


def test_repeatedly_aborted_passes_are_recorded_once_until_a_pass_makes_a_plan(bench: Bench) -> None:
    (broken,) = bench.receive(*(PassFailed(NOW, f"p{n}", "the disk is on fire") for n in range(3)))
    assert (broken.what, broken.run, broken.error) == (EntryKind.BROKEN, "p0", "the disk is on fire")

    bench.receive(pass_planned(NOTHING))

    assert len(bench.receive(PassFailed(NOW, "p9", "the disk is on fire"))) == 1


def test_approved_steps_are_recorded_with_approver(bench: Bench) -> None:
    plan = Plan((action(WEB, "restart"),), digest="cafe")
    held = Plan(held=(Held(action(WEB, "restart"), Hold.EFFECT),), digest="cafe")
    released, again = pass_planned(plan, "p2"), pass_planned(plan, "p3")
    bench.receive(pass_planned(held), pass_planned(NOTHING, "p1"))

    order, _, step, planned_entry, alone = bench.receive(
        OrderGiven(NOW, "approve", "cafe", "bob", "tonight"),
        released,
        action_finished(released, WEB, verb="restart"),
        again,
        action_finished(again, DB),
    )

    assert (order.what, order.verb, order.plan, order.who) == (EntryKind.ORDER, "approve", "cafe", "bob")
    assert order.reason == "tonight"
    assert (step.run, step.who) == ("p2", "bob")
    assert (planned_entry.run, alone.who) == ("p3", "")


def test_audit_lines_contain_user_object_and_result(bench: Bench) -> None:
    plan = Plan((action(WEB, "remove"),), digest="cafe")
    planned = pass_planned(plan, commit="abc123")

    order, removed, failed = bench.audit_lines(
        OrderGiven(NOW, "approve", "cafe", "bob"),
        planned,
        action_finished(planned, WEB, verb="remove"),
        action_finished(planned, DB, Result.FAILED, "remove", "no"),
        action_finished(planned, DB, Result.SKIPPED, "restart"),
    )

    assert (order["event"], order["who"], order["plan"]) == ("order.approved", "bob", "cafe")
    assert (removed["event"], removed["key"], removed["result"]) == ("object.removed", "Domain/web", "done")
    assert (removed["who"], removed["commit"], removed["pass_id"], removed["log_level"]) == (
        "bob",
        "abc123",
        "p1",
        "info",
    )
    assert (failed["result"], failed["error"], failed["log_level"]) == ("failed", "no", "warning")


def test_refused_order_is_audited_and_has_no_effect(bench: Bench) -> None:
    planned = pass_planned(Plan((action(WEB),), digest="cafe"))

    (refused,) = bench.audit_lines(OrderRefused(NOW, "approve", "cafe", "eve", "is no operator"))
    _, step = bench.receive(planned, action_finished(planned, WEB))

    assert (refused["event"], refused["who"], refused["why"]) == ("order.refused", "eve", "is no operator")
    assert step.who == ""


def test_unwritable_history_is_reported_and_audit_continues(bench: Bench) -> None:
    planned = pass_planned(Plan((action(WEB),), digest="cafe"))
    bench.state.close()

    with capture_logs() as lines:
        publish((bench.history_writer,), planned)
        publish((bench.history_writer,), action_finished(planned, WEB, verb="remove"))

    assert [line["event"] for line in lines] == ["history.failed", "object.removed"]
    (events,) = bench.published
    assert isinstance(events, HistoryNotWritten)
    assert "closed" in events.why
