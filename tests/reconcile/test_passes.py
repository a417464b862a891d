"""Passes over a host of files: where they look, what they leave to steps under way, and what they learn from them."""

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
from kvmreconcile.model import Action, Desired, Hold, HostId, Key, Obstacle, Power, Result, Root, SpecSource
from kvmreconcile.reconcile.approvals import Approval
from kvmreconcile.reconcile.passes import PATIENCE_S, Passes
from kvmreconcile.reconcile.reading import Reading
from kvmreconcile.reconcile.stale import PROGRESS, SPECS
from kvmreconcile.session.origin import SpecOrigin
from kvmreconcile.session.session import Session
from kvmreconcile.session.verdicts import Validation, Validations
from kvmreconcile.settings.settings import Settings
from kvmreconcile.settings.settle import SettleSettings
from kvmreconcile.source.in_use import Written
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
    """A host, its specs, and passes over it that are asked for by hand."""

    directory: Path
    host: Host
    session: Session
    rung: list[str] = field(default_factory=list)
    told: list[PassEvent] = field(default_factory=list)
    passes: Passes = field(init=False)

    def __post_init__(self) -> None:
        self.passes = Passes(
            origin=lambda: SpecOrigin([self.directory / "specs"]),
            again=lambda: self.rung.append(PROGRESS),
            triggered_by=lambda: self.rung,
            subscribers=(self.told.append,),
            reading=Reading(lambda _file: Written.CLOSED),
        )

    def spec(self, name: str, xml: str = "<domain/>") -> None:
        text = (
            f"apiVersion: kvmreconcile/v1\nkind: Domain\nmetadata: {{name: {name}}}\nspec: {{xml: {xml}}}\n"
        )
        (self.directory / f"specs/{name}.yaml").write_text(text)

    def run(self, *triggered_by: str) -> PassPlanned | None:
        """Make one pass, and return what it saw."""
        self.host.log.clear()
        self.rung.clear()
        before = len(self.told)
        self.passes.run(self.session, dict.fromkeys(triggered_by, time.monotonic()))
        return next((n for n in self.told[before:] if isinstance(n, PassPlanned)), None)

    def settle(self) -> None:
        """Make passes until one changes nothing."""
        self.run("connected")
        while self.rung:
            self.run(PROGRESS)

    def did(self) -> list[str]:
        """Return what the last pass, and what it left under way, did to the host."""
        return [line for line in self.host.log if not line.startswith("observe")]

    def looked_at(self) -> list[str]:
        """Return what the last pass looked at before it did anything: names, "" for everything."""
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


def test_first_pass_looks_at_everything_and_one_that_an_object_rang_at_that(bench: Bench) -> None:
    bench.settle()

    bench.run("Domain/web")

    assert bench.looked_at() == ["web"]
    assert bench.did() == []


@pytest.mark.parametrize("why", ["resync", "connected", "loss", "somebody wants it"])
def test_whatever_names_no_object_is_about_all(bench: Bench, why: str) -> None:
    bench.settle()

    bench.run(why, "Domain/web")

    assert bench.looked_at() == ["", ""]  # one kind after the other


def test_nothing_is_done_on_old_knowledge(bench: Bench) -> None:
    bench.settle()
    # Something happens to another object, and nobody rings.
    bench.host.write(DB, bench.host.file(DB).read_text().replace("<domain>", '<domain x="theirs">'))
    bench.spec("db", '<domain x="ours"/>')

    planned = bench.run(SPECS)

    assert bench.looked_at() == ["db", "db"]  # by the pass, and once more before it is written over
    assert planned
    assert [(c.old, c.new) for c in planned.allowed.actions[0].changes] == [("theirs", "ours")]
    assert bench.did() == ["define Domain/db"]


def test_what_a_pass_did_is_looked_at_by_the_next(bench: Bench) -> None:
    bench.settle()
    bench.spec("db", '<domain x="1"/>')
    bench.run(SPECS)

    bench.run(*bench.rung)

    assert bench.looked_at() == ["db"]
    assert bench.did() == []


def test_who_follows_is_told_of_every_step_before_its_pass_is_over(bench: Bench) -> None:
    bench.host.faults["create Domain/db"] = [Rejected("it will not")]

    planned = bench.run("connected")

    *steps, end = bench.told[1:]
    assert isinstance(end, PassFinished)
    assert {
        (n.outcome.action.key, n.outcome.action.verb.name, n.outcome.result)
        for n in steps
        if isinstance(n, ActionFinished) and n.planned is planned
    } == {
        (WEB, "create", Result.DONE),
        (WEB, "start", Result.DONE),
        (DB, "create", Result.FAILED),
        (DB, "start", Result.SKIPPED),
    }
    assert len(steps) == len(end.report.outcomes)


def test_a_pass_that_broke_off_leaves_what_is_stale_to_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settle()
    with monkeypatch.context() as broken:
        broken.setattr(State, "applied", _unreadable)
        assert bench.run("Domain/web") is None
        broken_off = bench.told[-1]
        assert isinstance(broken_off, PassFailed)
        assert broken_off.failure == "StateError"

    bench.run()

    assert bench.looked_at() == ["web"]


def test_what_an_event_waited_for_its_answer_is_told_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settle()
    rung_s = time.monotonic() - 60
    with monkeypatch.context() as broken:
        broken.setattr(State, "applied", _unreadable)
        bench.passes.run(bench.session, {"Domain/web": rung_s, "resync": rung_s - 60})

    answer, after = bench.run("resync"), bench.run("resync")

    assert answer
    assert after
    assert 60 <= (answer.lag_s or 0) < 120
    assert after.lag_s is None


def _unreadable(_state: State) -> None:
    raise StateError("the disk is on fire")


def test_a_slow_step_keeps_nobody_else_waiting(bench: Bench) -> None:
    bench.settle()
    slow = Slow(bench.host, WEB)
    bench.spec("web", '<domain x="1"/>')
    bench.rung.append("not yet")
    slow.when_begun = lambda: bench.rung.append("Domain/db")
    began_s = time.monotonic()
    bench.passes.run(bench.session, {SPECS: time.monotonic()})
    assert time.monotonic() - began_s >= PATIENCE_S
    bench.host.delete(DB, ".active")

    beside = bench.run("Domain/db", "Domain/web")
    did_beside = bench.did()
    slow.end()
    bench.passes.close()

    assert beside
    assert beside.busy == {WEB}
    assert did_beside == ["start Domain/db"]
    ends = [n for n in bench.told if isinstance(n, PassFinished)][-2:]
    assert [[o.action.key for o in n.report.outcomes] for n in ends] == [[DB], [WEB]]
    bench.settle()
    assert bench.did() == []


def test_a_slow_step_that_fails_is_learnt_from_when_it_has(bench: Bench) -> None:
    bench.settle()
    slow = Slow(bench.host, WEB)
    bench.host.faults["define Domain/web"] = [Rejected("it will not")]
    bench.spec("web", '<domain x="1"/>')
    slow.when_begun = lambda: bench.rung.append("Domain/db")
    bench.passes.run(bench.session, {SPECS: time.monotonic()})
    slow.end()
    bench.passes.close()

    planned = bench.run("resync")

    assert isinstance(bench.told[-2], PassFinished)
    failed = bench.told[-2].report.outcomes[0]
    assert (failed.result, failed.failure) == (Result.FAILED, "Rejected")
    assert planned
    assert set(planned.waits) == {WEB}
    assert bench.did() == []


@pytest.mark.parametrize(
    ("error", "follows"), [(Unsupported, [PROGRESS]), (Refused, [PROGRESS]), (HostError, [])]
)
def test_pass_that_puts_back_what_was_refused_follows_at_once(
    bench: Bench, error: type[HostError], follows: list[str]
) -> None:
    bench.settle()
    bench.host.faults["define Domain/web"] = [error("it will not")]
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)

    assert bench.rung == follows


@pytest.mark.case("38g")
def test_what_the_host_is_not_ready_for_is_planned_again_without_a_trigger(bench: Bench) -> None:
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

    assert {"start Domain/web", "start Domain/db"} <= set(bench.did())
    bench.settle()
    assert bench.passes.due_s() is None


@pytest.mark.case("38")
def test_validating_many_definitions_may_take_a_share_of_planning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_an_object_that_libvirt_cannot_tell_of_is_left_alone_and_the_others_are_not(bench: Bench) -> None:
    bench.settle()
    bench.host.unclear[WEB] = "internal error"
    bench.spec("web", '<domain x="1"/>')
    bench.spec("db", '<domain x="1"/>')

    planned = bench.run("resync")

    assert bench.did() == ["define Domain/db"]
    assert planned
    assert [(h.action.key, h.hold, h.detail) for h in planned.plan.held] == [
        (WEB, Hold.UNKNOWN, "internal error")
    ]
    bench.host.unclear.clear()
    bench.run()
    assert bench.did() == ["define Domain/web"]


def test_what_cannot_be_seen_keeps_everything_from_being_removed(bench: Bench) -> None:
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.host.unseen = "libvirt lists nothing"

    bench.run("resync")

    assert bench.did() == []
    assert bench.host.keys() == {WEB, DB}


@pytest.mark.case("54")
def test_pass_records_the_source_of_what_it_finds_in_sync_and_leaves_what_comes_from_another(
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
    assert (bench.did(), planned.plan.elsewhere) == ([], {"/srv/there": (DB,)})
    assert bench.session.state.sources.all() == {DB: there, WEB: here}
    assert bench.host.keys() == {WEB, DB}


def test_a_clock_that_goes_back_changes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.settle()
    monkeypatch.setattr("kvmreconcile.reconcile.passes.datetime", Backwards)
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)
    bench.run(PROGRESS)
    bench.host.delete(DB, ".active")
    bench.run("Domain/db")

    assert bench.did() == ["start Domain/db"]
    assert bench.passes.due_s() is None


def by_hand(bench: Bench, clock: list[float]) -> None:
    """Have passes go by a clock that is moved by hand, and removals wait for 30 s."""
    bench.passes = replace(
        bench.passes,
        clock=lambda: clock[0],
        reading=Reading(bench.passes.reading.written, lambda: clock[0]),
    )
    bench.session = replace(
        bench.session, settings=bench.session.settings.model_copy(update={"settle": SettleSettings()})
    )


@pytest.mark.case("8a")
def test_object_whose_spec_is_gone_is_removed_by_a_pass_without_a_trigger(bench: Bench) -> None:
    by_hand(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()

    held = bench.run(SPECS)

    assert held
    assert [(h.action.verb.name, h.hold) for h in held.plan.held] == [("remove", Hold.SETTLE)]
    assert bench.passes.due_s() == pytest.approx(1030.0, abs=1.0)
    clock[0] = bench.passes.due_s() or 0.0
    bench.run()
    assert bench.did() == ["remove Domain/db"]
    bench.settle()
    assert bench.passes.due_s() is None


@pytest.mark.case("8a")
def test_spec_that_is_back_in_time_is_read_without_a_trigger_and_nothing_is_removed(bench: Bench) -> None:
    by_hand(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.run(SPECS)
    bench.spec("db")

    clock[0] = bench.passes.due_s() or 0.0
    planned = bench.run()

    assert planned
    assert planned.plan.is_empty
    assert bench.did() == []


@pytest.mark.case("8a")
def test_daemon_that_starts_begins_the_time_again(bench: Bench) -> None:
    by_hand(bench, clock := [1000.0])
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    bench.run(SPECS)
    clock[0] += 29.0
    by_hand(bench, clock)

    planned = bench.run("connected")

    assert planned
    assert [h.detail for h in planned.plan.held] == [
        "its spec is known to have been missing for 0 s; a removal or replacement needs 30 s"
    ]
    assert bench.passes.due_s() == pytest.approx(1059.0, abs=1.0)


@pytest.mark.case("8b")
def test_file_whose_writer_is_unknown_is_read_again_without_a_trigger(bench: Bench) -> None:
    by_hand(bench, clock := [1000.0])
    bench.settle()
    bench.passes.reading.drafts.written = lambda _file: Written.UNSURE
    bench.spec("web", '<domain x="1"/>')

    bench.run(SPECS)
    assert bench.did() == []
    assert bench.passes.due_s() == 1002.0
    clock[0] = 1002.0
    bench.run()

    assert bench.did() == ["define Domain/web"]


def test_commit_is_complete_as_it_is(bench: Bench) -> None:
    by_hand(bench, [1000.0])
    bench.passes = replace(bench.passes, origin=lambda: SpecOrigin([bench.directory / "specs"], "c0ffee"))
    bench.passes.reading.drafts.written = lambda _file: Written.OPEN

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
    """Makes steps on one object take until they are told to end."""

    def __init__(self, host: Host, key: Key) -> None:
        self.when_begun: Callable[[], None] = lambda: None
        self._end = Event()
        self._key = key
        host.before = self

    def __call__(self, action: Action) -> None:
        if action.key == self._key:
            self.when_begun()
            assert self._end.wait(WITHIN_S)

    def end(self) -> None:
        self._end.set()


@pytest.fixture
def careful(bench: Bench) -> Bench:
    """A host on which nothing is removed before somebody says so, and a spec of which is gone."""
    settings = bench.session.settings.model_copy(update={"prune": {"Domain": "confirm"}})
    bench.session = replace(bench.session, settings=settings)
    bench.settle()
    (bench.directory / "specs/db.yaml").unlink()
    return bench


def test_approved_plan_is_done_with_what_is_held_in_it_and_told_by_whom(careful: Bench) -> None:
    held = careful.run(SPECS)
    assert held
    assert [h.hold for h in held.plan.held] == [Hold.PRUNE]
    assert careful.did() == []
    approval = Approval(held.plan.digest, "alice", "it has moved")
    careful.passes.approvals.give(approval)

    careful.run("approve")

    assert careful.did() == ["remove Domain/db"]
    assert approval.answer.result(0) == held.plan.digest
    (order,) = (n for n in careful.told if isinstance(n, OrderGiven))
    # Whoever follows knows by whose order a pass acts when he hears of it.
    assert isinstance(careful.told[careful.told.index(order) + 1], PassPlanned)
    assert (order.order, order.about, order.who, order.why) == (
        "approve",
        held.plan.digest,
        "alice",
        "it has moved",
    )


def test_approval_of_what_is_no_longer_the_plan_releases_nothing(careful: Bench) -> None:
    held = careful.run(SPECS)
    assert held
    approval = Approval(held.plan.digest, "alice")
    careful.passes.approvals.give(approval)
    careful.spec("web", '<domain x="1"/>')

    now = careful.run(SPECS)

    assert now
    assert careful.did() == ["define Domain/web"]
    assert approval.answer.result(0) == now.plan.digest != held.plan.digest
    assert not [n for n in careful.told if isinstance(n, OrderGiven)]


def test_approval_is_answered_though_its_pass_breaks_off(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = Approval("abc", "alice")
    bench.passes.approvals.give(approval)
    monkeypatch.setattr(State, "applied", _unreadable)

    bench.run("approve")

    assert "the pass ended before it used the approval" in str(approval.answer.exception(0))


@pytest.mark.parametrize(("key", "tried"), [(WEB, [WEB]), (DB, [DB]), (None, [DB, WEB])])
def test_what_failed_is_tried_at_once_if_somebody_asks_for_it(
    bench: Bench, key: Key | None, tried: list[Key]
) -> None:
    bench.settle()
    bench.host.faults |= {f"define {k}": [Rejected("it will not")] for k in (WEB, DB)}
    bench.spec("web", '<domain x="1"/>')
    bench.spec("db", '<domain x="1"/>')
    bench.run(SPECS)
    bench.run("resync")
    assert bench.did() == []

    bench.passes.retry(key)
    bench.run("reconcile")

    assert sorted(bench.did()) == [f"define {k}" for k in tried]


@pytest.mark.case("14")
def test_nothing_is_planned_with_the_state_of_another_host(bench: Bench) -> None:
    bench.settle()
    bench.session.state.binding.bind(HostId("", "qemu:///system"))
    for key in (WEB, DB):
        bench.host.delete(key)

    planned = bench.run("resync")

    assert planned is None
    assert bench.did() == bench.looked_at() == []
    broken = bench.told[-1]
    assert isinstance(broken, PassFailed)
    assert "this state belongs to host UUID unknown (qemu:///system)" in broken.why


@pytest.mark.case("14")
def test_first_pass_binds_the_state_to_the_host(bench: Bench) -> None:
    bench.run("connected")

    assert bench.session.state.binding.host() == HostId("", "files:///host")


@pytest.mark.case("15b")
def test_lost_state_is_that_of_no_new_host(bench: Bench, tmp_path: Path) -> None:
    bench.settle()
    assert not bench.session.state.is_unproved()
    bench.spec("web", '<domain x="edited"/>')
    bench.spec("new")
    with closing(State.open(tmp_path / "other")) as state:
        bench.session = replace(bench.session, state=state)
        first, second = bench.run("connected"), bench.run("resync")

        assert first
        assert second
        assert "2 objects bear its mark or a UUID that it derives (Domain/db, Domain/web)" in first.plan.lost
        assert "2 objects bear its mark or a UUID that it derives (Domain/db, Domain/web)" in second.plan.lost
        assert {(h.action.key, h.hold.name) for h in second.plan.held} == {(WEB, "LOST_STATE")}
        assert {str(key) for key in state.applied()} == {"Domain/new"}
        state.binding.accept(bench.host.identify())
        accepted = bench.run("accept")

        assert accepted
        assert accepted.plan.lost == ""
        assert "define Domain/web" in bench.did()
