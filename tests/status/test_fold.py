"""What is known after each piece of news: how every object stands, and the daemon itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import Fate
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
from kvmreconcile.status import Condition, ObjectStatus, Revision, Status
from kvmreconcile.status.fold import Moment, after, begin
from kvmreconcile.status.to_json import to_json
from kvmreconcile.tree import Change, Node
from tests.status.told import DB, LAN, NOON, WEB, WINDOW, action, planned, wait


@dataclass
class Subscriber:
    """Takes in one piece of news a minute."""

    minute: int = 0
    status: Status = field(init=False)

    def __post_init__(self) -> None:
        self.status = begin(Settings(host="kvm1"), "1.0", self.now())
        self.hear(Connected(NOON, "test:///default"))

    def now(self) -> Moment:
        return Moment(NOON + timedelta(minutes=self.minute), 1000.0 + 60 * self.minute)

    def hear(self, *news: PassEvent) -> Mapping[Key, ObjectStatus]:
        for each in news:
            self.minute += 1
            self.status = after(self.status, each, self.now())
        return self.status.objects

    def conditions(self, *news: PassEvent) -> dict[Key, Condition]:
        return {key: standing.condition for key, standing in self.hear(*news).items()}


@pytest.fixture
def follower() -> Subscriber:
    return Subscriber()


IN_SYNC = Plan(in_sync=(WEB, DB, LAN), digest="d0")


def test_before_the_first_pass_nothing_is_known_and_nothing_converged(follower: Subscriber) -> None:
    assert follower.status.is_connected
    assert follower.status.objects == {}
    assert not follower.status.is_converged


def test_all_in_sync_is_ready_and_converged(follower: Subscriber) -> None:
    assert set(follower.conditions(planned(IN_SYNC)).values()) == {Condition.READY}
    assert follower.status.is_converged
    assert follower.status.counts()[Condition.READY] == 3
    assert follower.status.counts()[Condition.HELD] == 0


def test_what_waits_for_a_start_is_pending_with_its_paths(follower: Subscriber) -> None:
    change = Change(("memory",), "memory", "1", "2")

    web = follower.hear(planned(Plan(in_sync=(WEB, DB, LAN), pending={WEB: (change,)})))[WEB]

    assert (web.condition, web.pending, web.source) == (Condition.PENDING, ("memory",), "web.yaml:1:1")
    assert not follower.status.is_converged


def test_guest_that_does_not_do_its_work_is_unready_until_it_does(follower: Subscriber) -> None:
    change = Change(("memory",), "memory", "1", "2")
    plan = Plan(in_sync=(WEB, DB, LAN), pending={DB: (change,)})
    both, sick = frozenset((WEB, DB)), {WEB: "port 80 does not answer", DB: "no answer"}
    follower.hear(planned(plan))

    objects = follower.hear(ReadinessProbed(NOON, both, sick))
    began = objects[WEB].since

    assert (objects[WEB].condition, objects[WEB].why) == (Condition.UNREADY, "port 80 does not answer")
    assert (objects[DB].condition, objects[DB].pending) == (Condition.UNREADY, ("memory",))
    assert objects[LAN].condition is Condition.READY
    assert not follower.status.is_converged
    objects = follower.hear(planned(plan), ReadinessProbed(NOON, both, {WEB: "port 80 does not answer"}))
    assert (objects[WEB].condition, objects[WEB].since) == (Condition.UNREADY, began)
    assert objects[DB].condition is Condition.PENDING
    objects = follower.hear(ReadinessProbed(NOON, both, {}))
    assert (objects[WEB].condition, objects[WEB].why) == (Condition.READY, "")
    assert objects[WEB].since > began


def test_guest_that_is_held_and_unready_is_held(follower: Subscriber) -> None:
    held = Held(action(WEB), Hold.EFFECT)
    follower.hear(planned(Plan(held=(held,), in_sync=(DB, LAN))))

    conditions = follower.conditions(ReadinessProbed(NOON, frozenset((WEB,)), {WEB: "no answer"}))

    assert conditions[WEB] is Condition.HELD


def test_what_is_held_tells_why_what_helps_and_when_it_is_over_by_itself(follower: Subscriber) -> None:
    steps = (action(WEB), action(WEB, "restart"))
    held = tuple(Held(a, Hold.WINDOW, "opens Sun", "approve this plan, or wait", WINDOW) for a in steps)

    web = follower.hear(planned(Plan(held=held, in_sync=(DB, LAN))))[WEB]

    assert (web.condition, web.hold, web.verbs) == (Condition.HELD, Hold.WINDOW, ("define", "restart"))
    assert web.why == "waits for a maintenance window: opens Sun"
    assert (web.release, web.until) == ("approve this plan, or wait", WINDOW)


def test_what_libvirt_cannot_tell_is_unknown(follower: Subscriber) -> None:
    held = Held(action(WEB), Hold.UNKNOWN, "internal error")
    out_of_sight = Observation(unobservable=(Unobservable("Domain/db", "its pool is not active"),))

    objects = follower.hear(planned(Plan(held=(held,), in_sync=(LAN,)), observed=out_of_sight))

    assert [objects[key].condition for key in (WEB, DB)] == [Condition.UNKNOWN, Condition.UNKNOWN]
    assert objects[DB].why == "its pool is not active"


def test_wrong_spec_holds_its_own_object_and_one_that_leads_nowhere_too(follower: Subscriber) -> None:
    dangling = Problem("db.yaml:1:1", "Domain/db refers to Network/x", "mend the name")
    plan = Plan(in_sync=(WEB,), problems=(dangling,))

    objects = follower.hear(planned(plan, frozen=frozenset((LAN,))))

    assert (objects[LAN].condition, objects[LAN].why) == (Condition.HELD, "its spec has problems")
    assert (objects[DB].why, objects[DB].release) == (dangling.what, dangling.todo)
    assert follower.status.problems == (dangling,)


def test_warnings_are_part_of_it_and_it_is_converged_all_the_same(follower: Subscriber) -> None:
    note = Problem("compose.yaml", "is taken for a Docker Compose file", "move it elsewhere")

    follower.hear(planned(Plan(in_sync=(WEB, LAN, DB), notes=(note,))))

    assert follower.status.notes == (note,)
    assert to_json(follower.status)["notes"] == [
        {"where": "compose.yaml", "what": note.what, "todo": note.todo}
    ]
    assert follower.status.is_converged


def test_one_that_leads_nowhere_is_known_by_the_place_of_the_name_too(follower: Subscriber) -> None:
    place = Source("db.yaml", 9, 28)
    dangling = Problem(str(place), "Domain/db refers to Network/x", "mend the name")
    told = planned(Plan(in_sync=(WEB, LAN), problems=(dangling,)))
    db = replace(told.world.desired[DB], references=(Reference(Key("Network", "x"), place),))

    objects = follower.hear(replace(told, world=replace(told.world, desired={**told.world.desired, DB: db})))

    assert (objects[DB].why, objects[DB].release) == (dangling.what, dangling.todo)


def test_what_is_done_is_changing_until_it_was_looked_at(follower: Subscriber) -> None:
    plan = Plan((action(WEB, "start"),), in_sync=(DB, LAN))
    first = planned(plan)
    done = PassFinished(first, Report(plan, (Outcome(plan.actions[0], Result.DONE),)), {}, 0.1)

    assert follower.hear(first)[WEB].verbs == ("start",)
    assert follower.conditions(done)[WEB] is Condition.CHANGING
    assert follower.conditions(planned(IN_SYNC))[WEB] is Condition.READY


def test_what_an_earlier_pass_still_works_on_is_changing(follower: Subscriber) -> None:
    plan = Plan((action(WEB, "stop"),), in_sync=(DB, LAN))

    assert (
        follower.conditions(planned(plan, allowed=Plan(), busy=frozenset((WEB,))))[WEB] is Condition.CHANGING
    )


def test_what_failed_tells_the_error_and_when_it_is_tried_again_until_it_succeeds(
    follower: Subscriber,
) -> None:
    plan = Plan((action(WEB), action(DB, needs=(WEB,))), in_sync=(LAN,))
    first = planned(plan)
    ends = (
        Outcome(plan.actions[0], Result.FAILED, error="no room on the disk", retry=True),
        Outcome(plan.actions[1], Result.SKIPPED, error="define Domain/web failed"),
    )
    objects = follower.hear(first, PassFinished(first, Report(plan, ends), {WEB: wait(due_s=1150.0)}, 0.1))

    assert objects[WEB].condition is Condition.FAILED
    assert objects[WEB].why == "no room on the disk"
    assert objects[WEB].until == NOON + timedelta(seconds=150)
    assert (objects[DB].condition, objects[DB].why) == (Condition.HELD, "define Domain/web failed")
    began = objects[WEB].since

    objects = follower.hear(planned(plan, allowed=Plan(), waits={WEB: wait()}))

    assert (objects[WEB].why, objects[WEB].since) == ("no room on the disk", began)
    assert (objects[DB].condition, objects[DB].why) == (Condition.HELD, "it waits for Domain/web")
    assert follower.conditions(planned(IN_SYNC))[WEB] is Condition.READY
    assert follower.status.failures == {}


def test_guest_waits_for_what_its_start_waits_for(follower: Subscriber) -> None:
    start = replace(action(WEB, "start"), after=(DB,))
    plan = Plan((action(DB, "start"), start, action(WEB, "ready")), in_sync=(LAN,))

    objects = follower.hear(planned(plan, allowed=Plan(), waits={DB: wait()}))

    assert objects[WEB].why == "it waits for Domain/db"


def test_guest_that_dies_at_every_start_has_failed(follower: Subscriber) -> None:
    plan = Plan((action(WEB, "start"),), in_sync=(DB, LAN))

    web = follower.hear(planned(plan, allowed=Plan(), waits={WEB: wait(Fate.DONE)}))[WEB]

    assert (web.condition, web.why) == (
        Condition.FAILED,
        "done 3 times and needed again; another tool or the guest may revert it",
    )


def test_suspended_tells_who_and_why_and_what_takes_it_back(follower: Subscriber) -> None:
    said = Suspension(NOON, WINDOW, "its disk is being copied", "root")

    objects = follower.hear(planned(IN_SYNC, suspended={WEB: said, Key("Domain", "gone"): said}))

    assert objects[WEB].condition is Condition.SUSPENDED
    assert "by root: its disk is being copied" in objects[WEB].why
    assert (objects[WEB].release, objects[WEB].until) == ("kvmreconcile resume Domain/web", WINDOW)
    assert objects[DB].condition is Condition.READY
    assert objects[Key("Domain", "gone")].condition is Condition.SUSPENDED
    assert follower.status.paused is None


@pytest.mark.parametrize(("until", "paused"), [(None, True), (WINDOW, True), (NOON, False)])
def test_pause_suspends_everything_until_it_is_over(
    follower: Subscriber, until: datetime | None, *, paused: bool
) -> None:
    said = Suspension(NOON - timedelta(hours=1), until)

    conditions = follower.conditions(planned(IN_SYNC, suspended={None: said}))

    assert set(conditions.values()) == {Condition.SUSPENDED if paused else Condition.READY}
    assert follower.status.paused == (said if paused else None)


def test_when_libvirt_is_lost_nothing_is_known_until_it_was_looked_at_again(follower: Subscriber) -> None:
    lost = Lost(NOON, "test:///default", "connection reset")

    assert set(follower.conditions(planned(IN_SYNC), lost).values()) == {Condition.UNKNOWN}
    assert not follower.status.is_connected
    assert not follower.status.is_converged
    assert set(follower.conditions(Connected(NOON, "test:///default")).values()) == {Condition.UNKNOWN}
    assert set(follower.conditions(planned(IN_SYNC)).values()) == {Condition.READY}


def test_steps_that_end_after_libvirt_was_lost_leave_their_object_unknown(follower: Subscriber) -> None:
    plan = Plan((action(WEB, "stop"),), in_sync=(DB, LAN))
    first = planned(plan)
    failed = Report(plan, (Outcome(plan.actions[0], Result.FAILED, error="connection lost"),))

    conditions = follower.conditions(
        first, Lost(NOON, "", "reset"), PassFinished(first, failed, {WEB: wait()}, 0.1)
    )

    assert conditions[WEB] is Condition.UNKNOWN


def test_pass_that_was_broken_off_says_why_until_one_is_not(follower: Subscriber) -> None:
    follower.hear(planned(IN_SYNC), PassFailed(NOON, "p2", "another kvmreconcile is at work"))
    assert follower.status.broken == "another kvmreconcile is at work"
    assert not follower.status.is_converged

    follower.hear(planned(IN_SYNC))

    assert follower.status.broken == ""


def test_what_stands_as_before_is_handed_on_as_it_is_with_the_place_of_its_spec(follower: Subscriber) -> None:
    before = follower.hear(planned(IN_SYNC))
    again = planned(IN_SYNC)
    web = replace(again.world.desired[WEB], source=Source("moved.yaml", 7, 1))
    world = replace(again.world, desired={**again.world.desired, WEB: web})

    now = follower.hear(replace(again, world=world))

    assert now[DB] is before[DB]
    assert (now[WEB].source, now[WEB].since) == ("moved.yaml:7:1", before[WEB].since)


def test_revision_and_condition_are_as_old_as_they_are(follower: Subscriber) -> None:
    follower.hear(planned(IN_SYNC, commit="a"))
    began = follower.now().at
    web = follower.hear(planned(IN_SYNC, commit="a"))[WEB]

    assert follower.status.revision == Revision("a", began)
    assert web.since == began
    follower.hear(planned(IN_SYNC, commit="b"))
    assert follower.status.revision == Revision("b", follower.now().at)


def test_order_changes_nothing_by_itself(follower: Subscriber) -> None:
    objects = follower.hear(planned(IN_SYNC))

    assert follower.hear(OrderGiven(NOON, "suspend", "Domain/web", "root")) is objects


def test_snapshot_that_was_handed_out_stays_as_it_was(follower: Subscriber) -> None:
    follower.hear(planned(IN_SYNC))
    before = follower.status

    follower.hear(Lost(NOON, "", "reset"))

    assert _conditions(before.objects.values()) == {Condition.READY}


def _conditions(object_statuses: Iterable[ObjectStatus]) -> set[Condition]:
    return {standing.condition for standing in object_statuses}


@pytest.mark.case("15b")
@pytest.mark.case("54")
def test_objects_of_other_sources_are_known_until_there_are_none(follower: Subscriber) -> None:
    follower.hear(planned(replace(IN_SYNC, elsewhere={"/srv/former": (Key("Domain", "old"),)})))

    assert follower.status.elsewhere == {"/srv/former": (Key("Domain", "old"),)}
    assert follower.status.is_converged
    follower.hear(planned(IN_SYNC))
    assert follower.status.elsewhere == {}


def test_lost_state_is_known_and_nothing_is_converged_until_it_is_accepted(follower: Subscriber) -> None:
    follower.hear(planned(replace(IN_SYNC, lost="it was lost")))

    assert follower.status.lost == "it was lost"
    assert not follower.status.is_converged
    follower.hear(planned(IN_SYNC))
    assert follower.status.lost == ""
    assert follower.status.is_converged


def test_one_whose_claim_is_wrong_is_known_by_the_place_of_the_claim(follower: Subscriber) -> None:
    place = Source("db.yaml", 7, 5)
    clash = Problem(str(place), "Domain/db and Domain/web have the same disk /x", "give each its own")
    told = planned(Plan(in_sync=(WEB, LAN), problems=(clash,)))
    db = replace(told.world.desired[DB], places=(("devices/disk", place),))

    objects = follower.hear(replace(told, world=replace(told.world, desired={**told.world.desired, DB: db})))

    assert (objects[DB].why, objects[DB].release) == (clash.what, clash.todo)


def test_one_that_is_left_out_for_an_unknown_reason_points_to_the_problems(follower: Subscriber) -> None:
    objects = follower.hear(planned(Plan(in_sync=(WEB, LAN))))

    assert (objects[DB].why, objects[DB].release) == (
        "errors in specs leave it out of the plan",
        "see the reported problems",
    )


def test_volume_of_a_missing_pool_has_no_error_in_its_spec(follower: Subscriber) -> None:
    root, pool = Key("Volume", "images/root"), Key("StoragePool", "images")
    told = planned(Plan((action(pool, "create"),), in_sync=(WEB, DB, LAN)))
    desired = {
        pool: Desired(pool, Node("pool")),
        root: Desired(root, Node("volume"), references=(Reference(pool, Source()),)),
    }

    objects = follower.hear(replace(told, world=replace(told.world, desired=desired)))

    assert (objects[root].condition, objects[root].why, objects[root].release) == (
        Condition.HELD,
        "its storage pool does not exist",
        "it is compared when the pool exists",
    )


def test_unreadable_state_record_is_not_said_to_be_a_wrong_spec(follower: Subscriber) -> None:
    record = Problem("Network/lan", "its record cannot be read", "restore the file")

    objects = follower.hear(planned(Plan(in_sync=(WEB, DB), problems=(record,)), frozen=frozenset((LAN,))))

    assert (objects[LAN].why, objects[LAN].release) == (record.what, record.todo)


def test_start_that_waits_for_a_guest_that_failed_names_it(follower: Subscriber) -> None:
    second = replace(action(DB, "start"), after=(WEB,))
    plan = Plan((action(WEB, "start"), second), in_sync=(LAN,))

    objects = follower.hear(planned(plan, allowed=Plan(), waits={WEB: wait()}))

    assert objects[DB].why == "it waits for Domain/web"
