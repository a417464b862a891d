"""What of all that the daemon tells is written down, and with whose name."""

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
from kvmreconcile.source.load import Loaded
from kvmreconcile.state import HistoryEntry, Retention, State
from kvmreconcile.state.history import EntryKind
from kvmreconcile.tree import Effect

WEB, DB = Key("Domain", "web"), Key("Domain", "db")
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
NOTHING = Plan(digest="0")
WRONG = Problem("web.yaml:3:1", "is wrong", "mend it")


def action(key: Key, verb: str = "define") -> Action:
    return Action(key, verb_of(verb), Effect.LIVE, Reason.EDIT)


def planned(plan: Plan, pass_id: str = "p1", *problems: Problem, **more: Any) -> PassPlanned:
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


def stepped(
    at: PassPlanned, key: Key, result: Result = Result.DONE, verb: str = "define", error: str = ""
) -> ActionFinished:
    return ActionFinished(NOW, at, Outcome(action(key, verb), result, 0.25, error))


@dataclass
class Bench:
    """A state, and what writes into it."""

    state: State
    told: list[PassEvent] = field(default_factory=list)
    history_writer: HistoryWriter = field(init=False)

    def __post_init__(self) -> None:
        self.history_writer = HistoryWriter(self.state, Retention(), self.told.append)

    def hear(self, *news: PassEvent) -> list[HistoryEntry]:
        """Tell it news, and return what it wrote down for them."""
        before = len(self.state.history(-1))
        for each in news:
            self.history_writer(each)
        return list(self.state.history(-1)[::-1][before:])

    def marked(self, *news: PassEvent) -> list[Any]:
        """Tell it news, and return what was logged for auditors."""
        with capture_logs() as lines:
            self.hear(*news)
        return [line for line in lines if line.get("audit")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    structlog.reset_defaults()
    state = State.open(tmp_path)
    yield Bench(state)
    state.close()


def test_a_pass_that_does_something_is_there_with_its_steps_and_its_end(bench: Bench) -> None:
    plan = Plan((action(WEB), action(DB)), digest="cafe")
    pass_1 = planned(plan, commit="abc123", author="Alice", triggered_by=("specs", "resync"))
    report = Report(plan, tuple(Outcome(a, Result.DONE) for a in plan.actions))

    began, first, second, ended = bench.hear(
        pass_1, stepped(pass_1, WEB), stepped(pass_1, DB), PassFinished(pass_1, report, {}, 2.0)
    )

    assert (began.what, began.run, began.plan, began.verb) == (EntryKind.PLANNED, "p1", "cafe", "run")
    assert (began.reason, began.steps, began.took_s) == ("specs, resync", 2, 0.5)
    assert (began.revision, began.author) == ("abc123", "Alice")
    assert [(e.what, e.key, e.result, e.run) for e in (first, second)] == [
        (EntryKind.STEP, WEB, "done", "p1"),
        (EntryKind.STEP, DB, "done", "p1"),
    ]
    assert (ended.what, ended.run, ended.steps, ended.took_s) == (EntryKind.ENDED, "p1", 2, 2.5)


def test_a_pass_that_finds_all_as_it_was_leaves_no_trace(bench: Bench) -> None:
    held = Plan(held=(Held(action(WEB), Hold.EFFECT),), digest="cafe")
    bench.hear(planned(held, "p1", WRONG))

    assert bench.hear(planned(held, "p2", WRONG), planned(held, "p3", WRONG)) == []
    assert bench.hear(planned(NOTHING, "p4"), planned(NOTHING, "p5")) == []


def test_what_is_held_or_wrong_anew_is_a_reason_to_write_a_pass_down(bench: Bench) -> None:
    both = Plan(held=(Held(action(WEB), Hold.EFFECT), Held(action(DB), Hold.WINDOW)), digest="beef")
    first = Plan(held=both.held[:1], digest="cafe")

    began, held = bench.hear(planned(first))
    began_2, held_2 = bench.hear(planned(both, "p2"))
    (wrong,) = bench.hear(planned(both, "p3", WRONG))

    assert (began.held, held.what, held.key, held.reason) == (1, EntryKind.HELD, WEB, Hold.EFFECT.value)
    assert (began_2.held, held_2.key, held_2.reason) == (2, DB, Hold.WINDOW.value)
    assert (wrong.what, wrong.wrong) == (EntryKind.PLANNED, 1)


def test_another_commit_in_force_is_written_down_though_it_changes_nothing(bench: Bench) -> None:
    (began,) = bench.hear(planned(NOTHING, commit="abc123"))

    assert (began.revision, began.steps) == ("abc123", 0)
    assert bench.hear(planned(NOTHING, "p2", commit="abc123")) == []


def test_the_same_that_is_tried_again_is_told_with_its_pass(bench: Bench) -> None:
    plan = Plan((action(WEB), action(DB)), digest="cafe")
    bench.hear(planned(plan))
    again = planned(plan, "p2", allowed=replace(plan, actions=(action(WEB),)))

    assert bench.hear(again) == []
    began, failed = bench.hear(stepped(again, WEB, Result.FAILED, error="no"))

    assert (began.run, began.steps) == ("p2", 1)
    assert (failed.run, failed.result, failed.error) == ("p2", "failed", "no")


def test_what_is_left_out_again_and_again_is_told_once(bench: Bench) -> None:
    plan = Plan((action(WEB),), digest="cafe")
    for pass_id, count in (("p1", 3), ("p2", 0), ("p3", 0)):
        one = planned(plan, pass_id)
        report = Report(plan, (Outcome(action(WEB), Result.SKIPPED, error="dry run"),))

        told = bench.hear(
            one, stepped(one, WEB, Result.SKIPPED, error="dry run"), PassFinished(one, report, {}, 0.0)
        )

        assert len(told) == count


def test_a_pass_that_breaks_off_is_told_until_one_does_not(bench: Bench) -> None:
    (broken,) = bench.hear(*(PassFailed(NOW, f"p{n}", "the disk is on fire") for n in range(3)))
    assert (broken.what, broken.run, broken.error) == (EntryKind.BROKEN, "p0", "the disk is on fire")

    bench.hear(planned(NOTHING))

    assert len(bench.hear(PassFailed(NOW, "p9", "the disk is on fire"))) == 1


def test_what_an_approval_releases_has_the_name_of_who_gave_it(bench: Bench) -> None:
    plan = Plan((action(WEB, "restart"),), digest="cafe")
    held = Plan(held=(Held(action(WEB, "restart"), Hold.EFFECT),), digest="cafe")
    released, again = planned(plan, "p2"), planned(plan, "p3")
    bench.hear(planned(held), planned(NOTHING, "p1"))

    order, _, step, began, alone = bench.hear(
        OrderGiven(NOW, "approve", "cafe", "bob", "tonight"),
        released,
        stepped(released, WEB, verb="restart"),
        again,
        stepped(again, DB),
    )

    assert (order.what, order.verb, order.plan, order.who) == (EntryKind.ORDER, "approve", "cafe", "bob")
    assert order.reason == "tonight"
    assert (step.run, step.who) == ("p2", "bob")
    assert (began.run, alone.who) == ("p3", "")


def test_auditors_are_told_who_did_what_to_what(bench: Bench) -> None:
    plan = Plan((action(WEB, "remove"),), digest="cafe")
    one = planned(plan, commit="abc123")

    order, gone, failed = bench.marked(
        OrderGiven(NOW, "approve", "cafe", "bob"),
        one,
        stepped(one, WEB, verb="remove"),
        stepped(one, DB, Result.FAILED, "remove", "no"),
        stepped(one, DB, Result.SKIPPED, "restart"),
    )

    assert (order["event"], order["who"], order["plan"]) == ("order.approved", "bob", "cafe")
    assert (gone["event"], gone["key"], gone["result"]) == ("object.removed", "Domain/web", "done")
    assert (gone["who"], gone["commit"], gone["pass_id"], gone["log_level"]) == (
        "bob",
        "abc123",
        "p1",
        "info",
    )
    assert (failed["result"], failed["error"], failed["log_level"]) == ("failed", "no", "warning")


def test_who_may_not_is_told_to_auditors_and_nothing_follows_from_it(bench: Bench) -> None:
    one = planned(Plan((action(WEB),), digest="cafe"))

    (refused,) = bench.marked(OrderRefused(NOW, "approve", "cafe", "eve", "is no operator"))
    _, step = bench.hear(one, stepped(one, WEB))

    assert (refused["event"], refused["who"], refused["why"]) == ("order.refused", "eve", "is no operator")
    assert step.who == ""


def test_a_history_that_cannot_be_written_is_told_and_stops_nobody(bench: Bench) -> None:
    one = planned(Plan((action(WEB),), digest="cafe"))
    bench.state.close()

    with capture_logs() as lines:
        publish((bench.history_writer,), one)
        publish((bench.history_writer,), stepped(one, WEB, verb="remove"))

    assert [line["event"] for line in lines] == ["history.failed", "object.removed"]
    (news,) = bench.told
    assert isinstance(news, HistoryNotWritten)
    assert "closed" in news.why
