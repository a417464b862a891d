"""The status of the daemon and its objects after each event."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.events.events import (
    Connected,
    Lost,
    OrderGiven,
    PassEvent,
    PassFailed,
    PassFinished,
    ReadinessProbed,
)
from kvmreconcile.model import (
    Desired,
    Held,
    Hold,
    Key,
    Observation,
    Outcome,
    Plan,
    Reference,
    Report,
    Result,
    Source,
    Suspension,
    Unobservable,
)
from kvmreconcile.settings.settings import Settings
from kvmreconcile.status import Condition, ObjectStatus, RevisionInUse, Status
from kvmreconcile.status.fold import Moment, apply_event, initial_status
from kvmreconcile.status.to_json import status_to_json
from kvmreconcile.tree import Change, Node
from tests.status.events import DB, LAN, NOON, WEB, WINDOW, action, pass_planned, wait


@dataclass
class Subscriber:
    """Receives one event a minute."""

    minute: int = 0
    status: Status = field(init=False)

    def __post_init__(self) -> None:
        self.status = initial_status(Settings(host="kvm1"), "1.0", self.now())
        self.receive(Connected(NOON, "test:///default"))

    def now(self) -> Moment:
        return Moment(NOON + timedelta(minutes=self.minute), 1000.0 + 60 * self.minute)

    def receive(self, *events: PassEvent) -> Mapping[Key, ObjectStatus]:
        for each in events:
            self.minute += 1
            self.status = apply_event(self.status, each, self.now())
        return self.status.objects

    def conditions(self, *events: PassEvent) -> dict[Key, Condition]:
        return {key: object_status.condition for key, object_status in self.receive(*events).items()}


@pytest.fixture
def subscriber() -> Subscriber:
    return Subscriber()


IN_SYNC = Plan(in_sync=(WEB, DB, LAN), digest="d0")


def test_status_before_first_pass_is_not_converged(subscriber: Subscriber) -> None:
    assert subscriber.status.is_connected
    assert subscriber.status.objects == {}
    assert not subscriber.status.is_converged


def test_objects_in_sync_are_ready_and_converged(subscriber: Subscriber) -> None:
    assert set(subscriber.conditions(pass_planned(IN_SYNC)).values()) == {Condition.READY}
    assert subscriber.status.is_converged
    assert subscriber.status.counts()[Condition.READY] == 3
    assert subscriber.status.counts()[Condition.HELD] == 0


def test_change_for_next_start_is_pending_with_paths(subscriber: Subscriber) -> None:
    change = Change(("memory",), "memory", "1", "2")

    web = subscriber.receive(pass_planned(Plan(in_sync=(WEB, DB, LAN), pending={WEB: (change,)})))[WEB]

    assert (web.condition, web.pending, web.source) == (Condition.PENDING, ("memory",), "web.yaml:1:1")
    assert not subscriber.status.is_converged


def test_guest_with_failing_probe_is_unready_until_it_succeeds(subscriber: Subscriber) -> None:
    change = Change(("memory",), "memory", "1", "2")
    plan = Plan(in_sync=(WEB, DB, LAN), pending={DB: (change,)})
    both, reasons = frozenset((WEB, DB)), {WEB: "port 80 does not answer", DB: "no answer"}
    subscriber.receive(pass_planned(plan))

    objects = subscriber.receive(ReadinessProbed(NOON, both, reasons))
    began = objects[WEB].since

    assert (objects[WEB].condition, objects[WEB].why) == (Condition.UNREADY, "port 80 does not answer")
    assert (objects[DB].condition, objects[DB].pending) == (Condition.UNREADY, ("memory",))
    assert objects[LAN].condition is Condition.READY
    assert not subscriber.status.is_converged
    objects = subscriber.receive(
        pass_planned(plan), ReadinessProbed(NOON, both, {WEB: "port 80 does not answer"})
    )
    assert (objects[WEB].condition, objects[WEB].since) == (Condition.UNREADY, began)
    assert objects[DB].condition is Condition.PENDING
    objects = subscriber.receive(ReadinessProbed(NOON, both, {}))
    assert (objects[WEB].condition, objects[WEB].why) == (Condition.READY, "")
    assert objects[WEB].since > began


def test_held_and_unready_guest_is_held(subscriber: Subscriber) -> None:
    held = Held(action(WEB), Hold.EFFECT)
    subscriber.receive(pass_planned(Plan(held=(held,), in_sync=(DB, LAN))))

    conditions = subscriber.conditions(ReadinessProbed(NOON, frozenset((WEB,)), {WEB: "no answer"}))

    assert conditions[WEB] is Condition.HELD


def test_held_object_has_reason_remedy_and_end(subscriber: Subscriber) -> None:
    steps = (action(WEB), action(WEB, "restart"))
    held = tuple(Held(a, Hold.WINDOW, "opens Sun", "approve this plan, or wait", WINDOW) for a in steps)

    web = subscriber.receive(pass_planned(Plan(held=held, in_sync=(DB, LAN))))[WEB]

    assert (web.condition, web.hold, web.verbs) == (Condition.HELD, Hold.WINDOW, ("define", "restart"))
    assert web.why == "waits for a maintenance window: opens Sun"
    assert (web.release, web.until) == ("approve this plan, or wait", WINDOW)


def test_unobservable_object_is_unknown(subscriber: Subscriber) -> None:
    held = Held(action(WEB), Hold.UNKNOWN, "internal error")
    unobservable = Observation(unobservable=(Unobservable("Domain/db", "its pool is not active"),))

    objects = subscriber.receive(pass_planned(Plan(held=(held,), in_sync=(LAN,)), observed=unobservable))

    assert [objects[key].condition for key in (WEB, DB)] == [Condition.UNKNOWN, Condition.UNKNOWN]
    assert objects[DB].why == "its pool is not active"


def test_objects_with_invalid_spec_or_dangling_reference_are_held(subscriber: Subscriber) -> None:
    dangling = Problem("db.yaml:1:1", "Domain/db refers to Network/x", "correct the name")
    plan = Plan(in_sync=(WEB,), problems=(dangling,))

    objects = subscriber.receive(pass_planned(plan, frozen=frozenset((LAN,))))

    assert (objects[LAN].condition, objects[LAN].why) == (Condition.HELD, "its spec has problems")
    assert (objects[DB].why, objects[DB].release) == (dangling.what, dangling.todo)
    assert subscriber.status.problems == (dangling,)


def test_warnings_are_in_status_and_do_not_prevent_convergence(subscriber: Subscriber) -> None:
    note = Problem("compose.yaml", "looks like a Docker Compose file", "move it elsewhere")

    subscriber.receive(pass_planned(Plan(in_sync=(WEB, LAN, DB), notes=(note,))))

    assert subscriber.status.notes == (note,)
    assert status_to_json(subscriber.status)["notes"] == [
        {"where": "compose.yaml", "what": note.what, "todo": note.todo}
    ]
    assert subscriber.status.is_converged


def test_problem_at_location_of_reference_is_the_reason_of_the_object(subscriber: Subscriber) -> None:
    place = Source("db.yaml", 9, 28)
    dangling = Problem(str(place), "Domain/db refers to Network/x", "correct the name")
    planned = pass_planned(Plan(in_sync=(WEB, LAN), problems=(dangling,)))
    db = replace(planned.world.desired[DB], references=(Reference(Key("Network", "x"), place),))

    objects = subscriber.receive(
        replace(planned, world=replace(planned.world, desired={**planned.world.desired, DB: db}))
    )

    assert (objects[DB].why, objects[DB].release) == (dangling.what, dangling.todo)


def test_changed_object_is_changing_until_observed_again(subscriber: Subscriber) -> None:
    plan = Plan((action(WEB, "start"),), in_sync=(DB, LAN))
    first = pass_planned(plan)
    finished = PassFinished(first, Report(plan, (Outcome(plan.actions[0], Result.DONE),)), {}, 0.1)

    assert subscriber.receive(first)[WEB].verbs == ("start",)
    assert subscriber.conditions(finished)[WEB] is Condition.CHANGING
    assert subscriber.conditions(pass_planned(IN_SYNC))[WEB] is Condition.READY


def test_object_that_an_earlier_pass_still_changes_is_changing(subscriber: Subscriber) -> None:
    plan = Plan((action(WEB, "stop"),), in_sync=(DB, LAN))

    assert (
        subscriber.conditions(pass_planned(plan, allowed=Plan(), busy=frozenset((WEB,))))[WEB]
        is Condition.CHANGING
    )


def test_failed_object_has_error_and_time_of_retry_until_success(
    subscriber: Subscriber,
) -> None:
    plan = Plan((action(WEB), action(DB, needs=(WEB,))), in_sync=(LAN,))
    first = pass_planned(plan)
    outcomes = (
        Outcome(plan.actions[0], Result.FAILED, error="no room on the disk", retry=True),
        Outcome(plan.actions[1], Result.SKIPPED, error="define Domain/web failed"),
    )
    objects = subscriber.receive(
        first, PassFinished(first, Report(plan, outcomes), {WEB: wait(due_s=1150.0)}, 0.1)
    )

    assert objects[WEB].condition is Condition.FAILED
    assert objects[WEB].why == "no room on the disk"
    assert objects[WEB].until == NOON + timedelta(seconds=150)
    assert (objects[DB].condition, objects[DB].why) == (Condition.HELD, "define Domain/web failed")
    began = objects[WEB].since

    objects = subscriber.receive(pass_planned(plan, allowed=Plan(), waits={WEB: wait()}))

    assert (objects[WEB].why, objects[WEB].since) == ("no room on the disk", began)
    assert (objects[DB].condition, objects[DB].why) == (Condition.HELD, "waiting for Domain/web")
    assert subscriber.conditions(pass_planned(IN_SYNC))[WEB] is Condition.READY
    assert subscriber.status.failures == {}


def test_guest_waits_for_prerequisite_of_its_start(subscriber: Subscriber) -> None:
    start = replace(action(WEB, "start"), after=(DB,))
    plan = Plan((action(DB, "start"), start, action(WEB, "ready")), in_sync=(LAN,))

    objects = subscriber.receive(pass_planned(plan, allowed=Plan(), waits={DB: wait()}))

    assert objects[WEB].why == "waiting for Domain/db"


def test_guest_that_crashes_after_every_start_is_failed(subscriber: Subscriber) -> None:
    plan = Plan((action(WEB, "start"),), in_sync=(DB, LAN))

    web = subscriber.receive(pass_planned(plan, allowed=Plan(), waits={WEB: wait(AttemptResult.DONE)}))[WEB]

    assert (web.condition, web.why) == (
        Condition.FAILED,
        "changed 3 times, but the change is needed again; another tool or the guest may revert it",
    )


def test_suspended_object_has_user_reason_and_resume_command(subscriber: Subscriber) -> None:
    suspension = Suspension(NOON, WINDOW, "its disk is being copied", "root")

    objects = subscriber.receive(
        pass_planned(IN_SYNC, suspended={WEB: suspension, Key("Domain", "gone"): suspension})
    )

    assert objects[WEB].condition is Condition.SUSPENDED
    assert "by root: its disk is being copied" in objects[WEB].why
    assert (objects[WEB].release, objects[WEB].until) == ("kvmreconcile resume Domain/web", WINDOW)
    assert objects[DB].condition is Condition.READY
    assert objects[Key("Domain", "gone")].condition is Condition.SUSPENDED
    assert subscriber.status.paused is None


@pytest.mark.parametrize(("until", "paused"), [(None, True), (WINDOW, True), (NOON, False)])
def test_suspension_of_all_objects_applies_until_it_ends(
    subscriber: Subscriber, until: datetime | None, *, paused: bool
) -> None:
    suspension = Suspension(NOON - timedelta(hours=1), until)

    conditions = subscriber.conditions(pass_planned(IN_SYNC, suspended={None: suspension}))

    assert set(conditions.values()) == {Condition.SUSPENDED if paused else Condition.READY}
    assert subscriber.status.paused == (suspension if paused else None)


def test_objects_are_unknown_from_loss_of_connection_until_observed_again(subscriber: Subscriber) -> None:
    lost = Lost(NOON, "test:///default", "connection reset")

    assert set(subscriber.conditions(pass_planned(IN_SYNC), lost).values()) == {Condition.UNKNOWN}
    assert not subscriber.status.is_connected
    assert not subscriber.status.is_converged
    assert set(subscriber.conditions(Connected(NOON, "test:///default")).values()) == {Condition.UNKNOWN}
    assert set(subscriber.conditions(pass_planned(IN_SYNC)).values()) == {Condition.READY}


def test_object_stays_unknown_when_step_ends_after_loss_of_connection(subscriber: Subscriber) -> None:
    plan = Plan((action(WEB, "stop"),), in_sync=(DB, LAN))
    first = pass_planned(plan)
    failed = Report(plan, (Outcome(plan.actions[0], Result.FAILED, error="connection lost"),))

    conditions = subscriber.conditions(
        first, Lost(NOON, "", "reset"), PassFinished(first, failed, {WEB: wait()}, 0.1)
    )

    assert conditions[WEB] is Condition.UNKNOWN


def test_aborted_pass_is_reported_until_next_plan(subscriber: Subscriber) -> None:
    subscriber.receive(pass_planned(IN_SYNC), PassFailed(NOON, "p2", "another kvmreconcile is at work"))
    assert subscriber.status.broken == "another kvmreconcile is at work"
    assert not subscriber.status.is_converged

    subscriber.receive(pass_planned(IN_SYNC))

    assert subscriber.status.broken == ""


def test_unchanged_object_status_is_reused_with_updated_source(
    subscriber: Subscriber,
) -> None:
    before = subscriber.receive(pass_planned(IN_SYNC))
    repeated = pass_planned(IN_SYNC)
    web = replace(repeated.world.desired[WEB], source=Source("moved.yaml", 7, 1))
    world = replace(repeated.world, desired={**repeated.world.desired, WEB: web})

    now = subscriber.receive(replace(repeated, world=world))

    assert now[DB] is before[DB]
    assert (now[WEB].source, now[WEB].since) == ("moved.yaml:7:1", before[WEB].since)


def test_revision_and_condition_keep_the_time_of_their_last_change(subscriber: Subscriber) -> None:
    subscriber.receive(pass_planned(IN_SYNC, commit="a"))
    began = subscriber.now().at
    web = subscriber.receive(pass_planned(IN_SYNC, commit="a"))[WEB]

    assert subscriber.status.revision == RevisionInUse("a", began)
    assert web.since == began
    subscriber.receive(pass_planned(IN_SYNC, commit="b"))
    assert subscriber.status.revision == RevisionInUse("b", subscriber.now().at)


def test_order_does_not_change_objects(subscriber: Subscriber) -> None:
    objects = subscriber.receive(pass_planned(IN_SYNC))

    assert subscriber.receive(OrderGiven(NOON, "suspend", "Domain/web", "root")) is objects


def test_earlier_status_snapshot_is_not_modified(subscriber: Subscriber) -> None:
    subscriber.receive(pass_planned(IN_SYNC))
    before = subscriber.status

    subscriber.receive(Lost(NOON, "", "reset"))

    assert _conditions(before.objects.values()) == {Condition.READY}


def _conditions(object_statuses: Iterable[ObjectStatus]) -> set[Condition]:
    return {object_status.condition for object_status in object_statuses}


@pytest.mark.case("15b")
@pytest.mark.case("54")
def test_objects_of_other_sources_are_in_status(subscriber: Subscriber) -> None:
    subscriber.receive(pass_planned(replace(IN_SYNC, elsewhere={"/srv/former": (Key("Domain", "old"),)})))

    assert subscriber.status.elsewhere == {"/srv/former": (Key("Domain", "old"),)}
    assert subscriber.status.is_converged
    subscriber.receive(pass_planned(IN_SYNC))
    assert subscriber.status.elsewhere == {}


def test_lost_state_prevents_convergence_until_accepted(subscriber: Subscriber) -> None:
    subscriber.receive(pass_planned(replace(IN_SYNC, lost="it was lost")))

    assert subscriber.status.lost == "it was lost"
    assert not subscriber.status.is_converged
    subscriber.receive(pass_planned(IN_SYNC))
    assert subscriber.status.lost == ""
    assert subscriber.status.is_converged


def test_problem_at_location_of_conflict_is_the_reason_of_the_object(subscriber: Subscriber) -> None:
    place = Source("db.yaml", 7, 5)
    clash = Problem(str(place), "Domain/db and Domain/web have the same disk /x", "give each its own")
    planned = pass_planned(Plan(in_sync=(WEB, LAN), problems=(clash,)))
    db = replace(planned.world.desired[DB], places=(("devices/disk", place),))

    objects = subscriber.receive(
        replace(planned, world=replace(planned.world, desired={**planned.world.desired, DB: db}))
    )

    assert (objects[DB].why, objects[DB].release) == (clash.what, clash.todo)


def test_object_missing_from_the_plan_refers_to_reported_problems(subscriber: Subscriber) -> None:
    objects = subscriber.receive(pass_planned(Plan(in_sync=(WEB, LAN))))

    assert (objects[DB].why, objects[DB].release) == (
        "the object is not in the plan because of errors in specs",
        "see the reported problems",
    )


def test_volume_of_a_missing_pool_has_no_error_in_its_spec(subscriber: Subscriber) -> None:
    root, pool = Key("Volume", "images/root"), Key("StoragePool", "images")
    planned = pass_planned(Plan((action(pool, "create"),), in_sync=(WEB, DB, LAN)))
    desired = {
        pool: Desired(pool, Node("pool")),
        root: Desired(root, Node("volume"), references=(Reference(pool, Source()),)),
    }

    objects = subscriber.receive(replace(planned, world=replace(planned.world, desired=desired)))

    assert (objects[root].condition, objects[root].why, objects[root].release) == (
        Condition.HELD,
        "its storage pool does not exist",
        "the object is compared once the pool exists",
    )


def test_unreadable_state_record_is_not_reported_as_spec_problem(subscriber: Subscriber) -> None:
    record = Problem("Network/lan", "its record cannot be read", "restore the file")

    objects = subscriber.receive(
        pass_planned(Plan(in_sync=(WEB, DB), problems=(record,)), frozen=frozenset((LAN,)))
    )

    assert (objects[LAN].why, objects[LAN].release) == (record.what, record.todo)


def test_start_that_waits_for_failed_guest_names_the_guest(subscriber: Subscriber) -> None:
    second = replace(action(DB, "start"), after=(WEB,))
    plan = Plan((action(WEB, "start"), second), in_sync=(LAN,))

    objects = subscriber.receive(pass_planned(plan, allowed=Plan(), waits={WEB: wait()}))

    assert objects[DB].why == "waiting for Domain/web"
