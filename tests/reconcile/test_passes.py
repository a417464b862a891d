"""Passes over a host that consists of files: what a pass observes, executes and skips."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from kvmreconcile.errors import HostError, Refused, Rejected, StateError, Unsupported
from kvmreconcile.events.events import (
    ActionFinished,
    OrderGiven,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
)
from kvmreconcile.kinds.kind import Document
from kvmreconcile.model import (
    Action,
    Desired,
    Hold,
    HostId,
    Key,
    Obstacle,
    Power,
    Result,
    Root,
    SpecSource,
    Suspension,
)
from kvmreconcile.reconcile.approvals import Approval
from kvmreconcile.reconcile.passes import PATIENCE_S, Passes
from kvmreconcile.reconcile.spec_reader import SpecReader
from kvmreconcile.reconcile.stale_objects import PROGRESS, SPECS
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.session.validation import Validation, Validations
from kvmreconcile.settings.settings import Settings
from kvmreconcile.settings.settle import SettleSettings
from kvmreconcile.source.write_state import WriteState
from kvmreconcile.state import State
from kvmreconcile.tree import Node
from tests.execute.host import KINDS, Host, desired

WEB, DB = Key("Domain", "web"), Key("Domain", "db")
WITHIN_S = 30.0


def key(document: Document) -> Key:
    return Key(document.kind, document.name)


def desire(document: Document, _uuid: str) -> Desired:
    return desired(str(key(document)), document.spec.xml or "", power=Power.RUNNING)


def settled_after(removal: str) -> SettleSettings:
    return SettleSettings.model_validate({"removal": removal})


@dataclass
class Bench:
    """A host with its specs, and the passes over this host."""

    directory: Path
    host: Host
    session: Session
    triggers: list[str] = field(default_factory=list)
    events: list[PassEvent] = field(default_factory=list)
    passes: Passes = field(init=False)

    def __post_init__(self) -> None:
        self.passes = Passes(
            origin=lambda: SpecOrigin([self.directory / "specs"]),
            trigger_next=lambda: self.triggers.append(PROGRESS),
            triggered_by=lambda: self.triggers,
            subscribers=(self.events.append,),
            reader=SpecReader(lambda _file: WriteState.CLOSED),
        )

    def spec(self, name: str, xml: str = "<domain/>") -> None:
        text = (
            f"apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {name}}}\nspec: {{xml: {xml}}}\n"
        )
        (self.directory / f"specs/{name}.yaml").write_text(text)

    def run(self, *triggered_by: str) -> PassPlanned | None:
        """Make one pass. Return its PassPlanned event, or None if the pass was aborted."""
        self.host.log.clear()
        self.triggers.clear()
        before = len(self.events)
        self.passes.run(self.session, dict.fromkeys(triggered_by, time.monotonic()))
        return next((n for n in self.events[before:] if isinstance(n, PassPlanned)), None)

    def settle(self) -> None:
        """Make passes until a pass changes nothing."""
        self.run("connected")
        while self.triggers:
            self.run(PROGRESS)

    def changes(self) -> list[str]:
        """Return the changes of the last pass and of running executions."""
        return [line for line in self.host.log if not line.startswith("observe")]

    def observed(self) -> list[str]:
        """Return the names observed by the last pass before its first change, "" for a kind."""
        first = next((i for i, line in enumerate(self.host.log) if not line.startswith("observe")), None)
        return [line.removeprefix("observe ") for line in self.host.log[:first]]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    for name in ("host", "specs"):
        (tmp_path / name).mkdir()
    kinds = {name: replace(kind, key=key, desire=desire) for name, kind in KINDS.items()}
    host, state = Host(tmp_path / "host"), State.open(tmp_path / "state")
    settings = Settings(instance="lab", reporter="silent", settle=settled_after("0s"))
    bench = Bench(tmp_path, host, Session(settings, kinds, host, state))
    bench.spec("web")
    bench.spec("db")
    yield bench
    bench.passes.close()
    state.close()


def test_only_the_triggered_object_is_observed(bench: Bench) -> None:
    bench.settle()

    bench.run("Domain/web")

    assert bench.observed() == ["web"]
    assert bench.changes() == []


@pytest.mark.parametrize("why", ["resync", "connected", "loss", "any other reason"])
def test_trigger_without_object_observes_everything(bench: Bench, why: str) -> None:
    bench.settle()

    bench.run(why, "Domain/web")

    assert bench.observed() == ["", ""]  # one kind after the other


def test_objects_in_plan_are_observed_again_before_execution(bench: Bench) -> None:
    bench.settle()
    # Another object changes without an event.
    bench.host.write(DB, bench.host.file(DB).read_text().replace("<domain>", '<domain x="theirs">'))
    bench.spec("db", '<domain x="ours"/>')

    planned = bench.run(SPECS)

    assert bench.observed() == ["db", "db"]  # by the pass, and again before it is changed
    assert planned
    assert [(c.old, c.new) for c in planned.allowed.actions[0].changes] == [("theirs", "ours")]
    assert bench.changes() == ["define Domain/db"]


def test_changed_object_is_observed_by_next_pass(bench: Bench) -> None:
    bench.settle()
    bench.spec("db", '<domain x="1"/>')
    bench.run(SPECS)

    bench.run(*bench.triggers)

    assert bench.observed() == ["db"]
    assert bench.changes() == []


def test_every_step_is_published_before_the_end_of_its_pass(bench: Bench) -> None:
    bench.host.faults["create Domain/db"] = [Rejected("it will not")]

    planned = bench.run("connected")

    *steps, end = bench.events[1:]
    assert isinstance(end, PassFinished)
    assert {
        (n.outcome.action.key, n.outcome.action.verb.name, n.outcome.result)
        for n in steps
        if isinstance(n, ActionFinished) and n.pass_planned is planned
    } == {
        (WEB, "create", Result.DONE),
        (WEB, "start", Result.DONE),
        (DB, "create", Result.FAILED),
        (DB, "start", Result.SKIPPED),
    }
    assert len(steps) == len(end.report.outcomes)


def test_aborted_pass_leaves_stale_objects_to_the_next_pass(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settle()
    with monkeypatch.context() as patch:
        patch.setattr(State, "applied", _unreadable)
        assert bench.run("Domain/web") is None
        failed = bench.events[-1]
        assert isinstance(failed, PassFailed)
        assert failed.failure == "StateError"

    bench.run()

    assert bench.observed() == ["web"]


def test_event_lag_is_reported_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()
    triggered_at_s = time.monotonic() - 60
    with monkeypatch.context() as patch:
        patch.setattr(State, "applied", _unreadable)
        bench.passes.run(bench.session, {"Domain/web": triggered_at_s, "resync": triggered_at_s - 60})

    answer, after = bench.run("resync"), bench.run("resync")

    assert answer
    assert after
    assert 60 <= (answer.lag_s or 0) < 120
    assert after.lag_s is None


def _unreadable(_state: State) -> None:
    raise StateError("the disk is on fire")


def test_slow_step_does_not_delay_other_objects(bench: Bench) -> None:
    bench.settle()
    slow = Slow(bench.host, WEB)
    bench.spec("web", '<domain x="1"/>')
    bench.triggers.append("not yet")
    slow.on_start = lambda: bench.triggers.append("Domain/db")
    began_s = time.monotonic()
    bench.passes.run(bench.session, {SPECS: time.monotonic()})
    assert time.monotonic() - began_s >= PATIENCE_S
    bench.host.delete(DB, ".active")

    in_parallel = bench.run("Domain/db", "Domain/web")
    changes_in_parallel = bench.changes()
    slow.end()
    bench.passes.close()

    assert in_parallel
    assert in_parallel.busy == {WEB}
    assert changes_in_parallel == ["start Domain/db"]
    ends = [n for n in bench.events if isinstance(n, PassFinished)][-2:]
    assert [[o.action.key for o in n.report.outcomes] for n in ends] == [[DB], [WEB]]
    bench.settle()
    assert bench.changes() == []


def test_failure_of_slow_step_is_recorded_when_it_ends(bench: Bench) -> None:
    bench.settle()
    slow = Slow(bench.host, WEB)
    bench.host.faults["define Domain/web"] = [Rejected("it will not")]
    bench.spec("web", '<domain x="1"/>')
    slow.on_start = lambda: bench.triggers.append("Domain/db")
    bench.passes.run(bench.session, {SPECS: time.monotonic()})
    slow.end()
    bench.passes.close()

    planned = bench.run("resync")

    assert isinstance(bench.events[-2], PassFinished)
    failed = bench.events[-2].report.outcomes[0]
    assert (failed.result, failed.failure) == (Result.FAILED, "Rejected")
    assert planned
    assert set(planned.waits) == {WEB}
    assert bench.changes() == []


@pytest.mark.parametrize(
    ("error", "follows"), [(Unsupported, [PROGRESS]), (Refused, [PROGRESS]), (HostError, [])]
)
def test_refused_change_triggers_next_pass_at_once(
    bench: Bench, error: type[HostError], follows: list[str]
) -> None:
    bench.settle()
    bench.host.faults["define Domain/web"] = [error("it will not")]
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)

    assert bench.triggers == follows


@pytest.mark.case("38g")
def test_missing_host_resource_is_replanned_without_trigger(bench: Bench) -> None:
    missing, lacks = Obstacle("no bridge", "create it"), [True]

    def find(_definition: Node, /, *, runs: bool) -> list[Obstacle]:
        return [missing] if runs and lacks[0] else []

    kinds = {name: replace(kind, lacks=lambda _: find) for name, kind in bench.session.kinds.items()}
    bench.session = replace(bench.session, kinds=kinds)
    bench.settle()
    due_s = bench.passes.due_s()
    assert due_s is not None
    assert 0 < due_s - time.monotonic() <= 31

    lacks[0] = False
    bench.run()

    assert {"start Domain/web", "start Domain/db"} <= set(bench.changes())
    bench.settle()
    assert bench.passes.due_s() is None


@pytest.mark.case("38")
def test_validation_of_definitions_has_time_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def validate(
        _self: Validations, _plan: object, _world: object, _kinds: object, within_s: float
    ) -> dict[Key, Validation]:
        limits.append(within_s)
        return {}

    monkeypatch.setattr(Validations, "validate_plan", validate)

    bench.run("connected")

    assert limits
    assert all(0 < limit < 1 for limit in limits)


def test_unobservable_object_is_unchanged_and_others_are_reconciled(bench: Bench) -> None:
    bench.settle()
    bench.host.unreadable[WEB] = "internal error"
    bench.spec("web", '<domain x="1"/>')
    bench.spec("db", '<domain x="1"/>')

    planned = bench.run("resync")

    assert bench.changes() == ["define Domain/db"]
    assert planned
    assert [(h.action.key, h.hold, h.detail) for h in planned.plan.held] == [
        (WEB, Hold.UNKNOWN, "internal error")
    ]
    bench.host.unreadable.clear()
    bench.run()
    assert bench.changes() == ["define Domain/web"]


def test_unobservable_host_prevents_removals(bench: Bench) -> None:
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.host.unobservable = "libvirt lists nothing"

    bench.run("resync")

    assert bench.changes() == []
    assert bench.host.keys() == {WEB, DB}


@pytest.mark.case("54")
def test_pass_records_source_and_keeps_objects_of_other_sources(
    bench: Bench,
) -> None:
    there, here = SpecSource((Root("/srv/there"),)), SpecSource((Root("/srv/here"),))
    bench.passes.origin = lambda: SpecOrigin([bench.directory / "specs"], source=there)
    bench.settle()
    assert bench.session.state.sources.all() == {DB: there, WEB: there}

    bench.passes.origin = lambda: SpecOrigin([bench.directory / "specs"], source=here)
    (bench.directory / "specs/db.yaml").unlink()
    planned = bench.run(SPECS)

    assert planned
    assert (bench.changes(), planned.plan.elsewhere) == ([], {"/srv/there": (DB,)})
    assert bench.session.state.sources.all() == {DB: there, WEB: here}
    assert bench.host.keys() == {WEB, DB}


def test_wall_clock_that_is_set_back_has_no_effect(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()
    monkeypatch.setattr("kvmreconcile.reconcile.passes.datetime", Backwards)
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)
    bench.run(PROGRESS)
    bench.host.delete(DB, ".active")
    bench.run("Domain/db")

    assert bench.changes() == ["start Domain/db"]
    assert bench.passes.due_s() is None


def set_clock(bench: Bench, clock: list[float]) -> None:
    """Let passes use a clock that tests advance, with a settle time of 30 s."""
    bench.passes = replace(
        bench.passes,
        clock=lambda: clock[0],
        reader=SpecReader(bench.passes.reader.written, lambda: clock[0]),
    )
    bench.session = replace(
        bench.session, settings=bench.session.settings.model_copy(update={"settle": SettleSettings()})
    )


@pytest.mark.case("8a")
def test_object_without_spec_is_removed_after_settle_time_without_trigger(bench: Bench) -> None:
    set_clock(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()

    held = bench.run(SPECS)

    assert held
    assert [(h.action.verb.name, h.hold) for h in held.plan.held] == [("remove", Hold.SETTLE)]
    assert bench.passes.due_s() == pytest.approx(1030.0, abs=1.0)
    clock[0] = bench.passes.due_s() or 0.0
    bench.run()
    assert bench.changes() == ["remove Domain/db"]
    bench.settle()
    assert bench.passes.due_s() is None


@pytest.mark.case("8a")
def test_spec_restored_within_settle_time_prevents_removal(bench: Bench) -> None:
    set_clock(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.run(SPECS)
    bench.spec("db")

    clock[0] = bench.passes.due_s() or 0.0
    planned = bench.run()

    assert planned
    assert planned.plan.is_empty
    assert bench.changes() == []


@pytest.mark.case("8a")
def test_settle_time_restarts_with_daemon(bench: Bench) -> None:
    set_clock(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.run(SPECS)
    clock[0] += 29.0
    set_clock(bench, clock)

    planned = bench.run("connected")

    assert planned
    assert [h.detail for h in planned.plan.held] == [
        "its spec is known to have been missing for 0 s; a removal or replacement needs 30 s"
    ]
    assert bench.passes.due_s() == pytest.approx(1059.0, abs=1.0)


@pytest.mark.case("8b")
def test_file_that_may_still_be_written_is_read_again_without_trigger(bench: Bench) -> None:
    set_clock(bench, clock := [1000.0])
    bench.settle()
    bench.passes.reader.drafts.written = lambda _file: WriteState.UNSURE
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)
    assert bench.changes() == []
    assert bench.passes.due_s() == 1002.0
    clock[0] = 1002.0
    bench.run()

    assert bench.changes() == ["define Domain/web"]


def test_commit_is_used_without_waiting_for_writers(bench: Bench) -> None:
    set_clock(bench, [1000.0])
    bench.passes = replace(bench.passes, origin=lambda: SpecOrigin([bench.directory / "specs"], "c0ffee"))
    bench.passes.reader.drafts.written = lambda _file: WriteState.OPEN

    planned = bench.run("connected")

    assert planned
    assert {key.name for key in planned.world.desired} == {"web", "db"}
    assert planned.world.first_seen.delivered


class Backwards:
    """A clock that goes back by a day each time it is read."""

    _now = datetime(2026, 11, 23, tzinfo=UTC)

    @classmethod
    def now(cls, _zone: object) -> datetime:
        cls._now -= timedelta(days=1)
        return cls._now


class Slow:
    """A host that blocks the steps on one object until `end` is called."""

    def __init__(self, host: Host, key: Key) -> None:
        self.on_start: Callable[[], None] = lambda: None
        self._end = Event()
        self._key = key
        host.before = self

    def __call__(self, action: Action) -> None:
        if action.key == self._key:
            self.on_start()
            assert self._end.wait(WITHIN_S)

    def end(self) -> None:
        self._end.set()


@pytest.fixture
def bench_with_pending_removal(bench: Bench) -> Bench:
    """A host on which removals need approval, with one removed spec."""
    settings = bench.session.settings.model_copy(update={"prune": {"Domain": "confirm"}})
    bench.session = replace(bench.session, settings=settings)
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    return bench


def test_approved_plan_executes_held_steps_and_publishes_order(
    bench_with_pending_removal: Bench,
) -> None:
    held = bench_with_pending_removal.run(SPECS)
    assert held
    assert [h.hold for h in held.plan.held] == [Hold.PRUNE]
    assert bench_with_pending_removal.changes() == []
    approval = Approval(held.plan.digest, "alice", "it has moved")
    bench_with_pending_removal.passes.approvals.submit(approval)

    bench_with_pending_removal.run("approve")

    assert bench_with_pending_removal.changes() == ["remove Domain/db"]
    assert approval.answer.result(0) == held.plan.digest
    (order,) = (n for n in bench_with_pending_removal.events if isinstance(n, OrderGiven))
    # Subscribers receive the approval before the plan of the pass that uses it.
    assert isinstance(
        bench_with_pending_removal.events[bench_with_pending_removal.events.index(order) + 1], PassPlanned
    )
    assert (order.order, order.about, order.who, order.why) == (
        "approve",
        held.plan.digest,
        "alice",
        "it has moved",
    )


def test_approval_of_outdated_plan_releases_nothing(bench_with_pending_removal: Bench) -> None:
    held = bench_with_pending_removal.run(SPECS)
    assert held
    approval = Approval(held.plan.digest, "alice")
    bench_with_pending_removal.passes.approvals.submit(approval)
    bench_with_pending_removal.spec("web", '<domain x="1"/>')

    now = bench_with_pending_removal.run(SPECS)

    assert now
    assert bench_with_pending_removal.changes() == ["define Domain/web"]
    assert approval.answer.result(0) == now.plan.digest != held.plan.digest
    assert not [n for n in bench_with_pending_removal.events if isinstance(n, OrderGiven)]


def test_approval_that_opens_no_hold_of_the_plan_is_not_an_order(
    bench_with_pending_removal: Bench,
) -> None:
    bench_with_pending_removal.session.state.suspend(DB, Suspension(datetime.now(UTC), why="", who=""))
    held = bench_with_pending_removal.run(SPECS)
    assert held
    assert [h.hold for h in held.plan.held] == [Hold.SUSPENDED]
    approval = Approval(held.plan.digest, "alice")
    bench_with_pending_removal.passes.approvals.submit(approval)

    bench_with_pending_removal.run("approve")

    assert approval.answer.result(0) == ""
    assert bench_with_pending_removal.changes() == []
    assert not [n for n in bench_with_pending_removal.events if isinstance(n, OrderGiven)]


def test_approval_is_answered_when_pass_aborts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    approval = Approval("abc", "alice")
    bench.passes.approvals.submit(approval)
    monkeypatch.setattr(State, "applied", _unreadable)

    bench.run("approve")

    assert "the pass ended before it used the approval" in str(approval.answer.exception(0))


@pytest.mark.parametrize(("key", "retried"), [(WEB, [WEB]), (DB, [DB]), (None, [DB, WEB])])
def test_failed_object_is_retried_at_once_on_request(
    bench: Bench, key: Key | None, retried: list[Key]
) -> None:
    bench.settle()
    bench.host.faults |= {f"define {k}": [Rejected("it will not")] for k in (WEB, DB)}
    bench.spec("web", '<domain x="1"/>')
    bench.spec("db", '<domain x="1"/>')
    bench.run(SPECS)
    bench.run("resync")
    assert bench.changes() == []

    bench.passes.retry(key)
    bench.run("reconcile")

    assert sorted(bench.changes()) == [f"define {k}" for k in retried]


@pytest.mark.case("14")
def test_state_of_other_host_aborts_pass(bench: Bench) -> None:
    bench.settle()
    bench.session.state.binding.bind(HostId("", "qemu:///system"))
    for key in (WEB, DB):
        bench.host.delete(key)

    planned = bench.run("resync")

    assert planned is None
    assert bench.changes() == bench.observed() == []
    broken = bench.events[-1]
    assert isinstance(broken, PassFailed)
    assert "this state belongs to host UUID unknown (qemu:///system)" in broken.why


@pytest.mark.case("14")
def test_first_pass_binds_the_state_to_the_host(bench: Bench) -> None:
    bench.run("connected")

    assert bench.session.state.binding.host() == HostId("", "files:///host")


@pytest.mark.case("15b")
def test_empty_state_on_managed_host_is_reported_as_lost(bench: Bench, tmp_path: Path) -> None:
    bench.settle()
    assert not bench.session.state.is_unproved()
    bench.spec("web", '<domain x="edited"/>')
    bench.spec("new")
    with closing(State.open(tmp_path / "other")) as state:
        bench.session = replace(bench.session, state=state)
        first, second = bench.run("connected"), bench.run("resync")

        assert first
        assert second
        assert (
            "2 objects have the mark or a derived UUID of this instance (Domain/db, Domain/web)"
            in first.plan.lost
        )
        assert (
            "2 objects have the mark or a derived UUID of this instance (Domain/db, Domain/web)"
            in second.plan.lost
        )
        assert {(h.action.key, h.hold.name) for h in second.plan.held} == {(WEB, "LOST_STATE")}
        assert {str(key) for key in state.applied()} == {"Domain/new"}
        state.binding.accept(bench.host.identify())
        accepted = bench.run("accept")

        assert accepted
        assert accepted.plan.lost == ""
        assert "define Domain/web" in bench.changes()
