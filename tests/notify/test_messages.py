"""The messages of notifications, and events that cause none."""

from dataclasses import replace

import pytest

from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import AttemptResult
from kvmreconcile.events.events import (
    ActionFinished,
    Connected,
    Lost,
    OrderGiven,
    PassEvent,
    PassFailed,
    PassFinished,
    PassPlanned,
    RepositoryChecked,
)
from kvmreconcile.model import Action, Held, Hold, Outcome, Plan, Reason, Report, Result
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.notify.messages import REPORTED_ABORTS, Message, NotificationState, next_messages
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.loaded import Loaded
from kvmreconcile.tree import Effect
from tests.status.events import DB, LAN, NOON, WEB, action, pass_planned, wait

IN_SYNC = Plan(in_sync=(WEB, DB, LAN))
EDIT = Plan(actions=(action(WEB),), in_sync=(DB, LAN))
DRIFT = Plan(actions=(Action(WEB, verb_of("start"), Effect.LIVE, Reason.DRIFT),), in_sync=(DB, LAN))
WAITING = replace(pass_planned(EDIT), allowed=Plan(), waits={WEB: wait()})


class Story:
    """The messages after each event."""

    def __init__(self) -> None:
        self.state = NotificationState()
        self._latest_status = LatestStatus(Settings(host="kvm1"), "1.0")
        assert self.receive(Connected(NOON, "test:///default")) == []

    def publish(self, *events: PassEvent) -> list[Message]:
        messages: list[Message] = []
        for each in events:
            self._latest_status(each)
            self.state, more = next_messages(self.state, each, self._latest_status.status)
            messages += more
        return messages

    def receive(self, *events: PassEvent) -> list[str]:
        return [f"{message.topic.value}: {message.text}" for message in self.publish(*events)]


@pytest.fixture
def story() -> Story:
    return Story()


def events_of_pass(
    first: PassPlanned, result: Result, error: str = "", attempt_result: AttemptResult = AttemptResult.PASSING
) -> tuple[PassEvent, ...]:
    outcomes = tuple(Outcome(each, result, 0.1, error) for each in first.allowed.actions)
    waits = {each.key: wait(attempt_result) for each in first.allowed.actions} if error else {}
    steps = tuple(ActionFinished(NOON, first, outcome) for outcome in outcomes)
    return (first, *steps, PassFinished(first, Report(first.allowed, outcomes), waits, 0.1))


def held(hold: Hold, detail: str = "too dear") -> PassPlanned:
    return pass_planned(
        Plan(held=(Held(action(WEB, "restart"), hold, detail, "approve it"),), in_sync=(DB, LAN))
    )


def test_pass_without_problem_sends_no_message(story: Story) -> None:
    assert (
        story.receive(
            pass_planned(IN_SYNC), *events_of_pass(pass_planned(EDIT), Result.DONE), pass_planned(IN_SYNC)
        )
        == []
    )


def test_failure_is_reported_once_despite_retries(story: Story) -> None:
    failing = events_of_pass(pass_planned(EDIT), Result.FAILED, "libvirt will not")

    assert story.receive(*failing) == ["failed: Domain/web: libvirt will not"]
    assert story.receive(WAITING, *failing, WAITING) == []


def test_recovery_is_reported_once_after_object_is_observed_again(story: Story) -> None:
    story.receive(*events_of_pass(pass_planned(EDIT), Result.FAILED, "libvirt will not"))

    assert story.receive(*events_of_pass(pass_planned(EDIT), Result.DONE)) == []
    assert story.receive(pass_planned(IN_SYNC)) == ["recovered: resolved: Domain/web: libvirt will not"]
    assert story.receive(pass_planned(IN_SYNC)) == []


def test_failure_of_object_without_spec_is_dropped(story: Story) -> None:
    story.receive(*events_of_pass(pass_planned(EDIT), Result.FAILED, "no"))
    remaining = pass_planned(Plan(in_sync=(DB, LAN)))
    without_spec = replace(
        remaining, world=replace(remaining.world, desired={k: remaining.world.desired[k] for k in (DB, LAN)})
    )

    assert story.receive(without_spec) == []
    assert story.state.open == {}


def test_guest_that_crashes_after_every_start_is_reported(story: Story) -> None:
    first = pass_planned(DRIFT)
    finished = events_of_pass(first, Result.DONE)[-1]
    assert isinstance(finished, PassFinished)

    messages = story.receive(first, replace(finished, waits={WEB: wait(AttemptResult.DONE)}))

    assert messages[0].startswith("healed: Domain/web had drifted from its spec")
    assert messages[1:] == [
        "failed: Domain/web: changed 3 times, but the change is needed again; another tool or the guest may revert it"
    ]


def test_hold_is_reported_once_with_remedy(story: Story) -> None:
    why = "its effect needs approval: too dear; to release: approve it"

    assert story.receive(held(Hold.EFFECT), held(Hold.EFFECT, "other words")) == [
        f"held: Domain/web: restart held: {why}"
    ]
    assert story.receive(pass_planned(IN_SYNC)) == []
    assert len(story.receive(held(Hold.EFFECT))) == 1


def test_hold_with_another_reason_is_reported_again(story: Story) -> None:
    story.receive(held(Hold.EFFECT))

    assert len(story.receive(held(Hold.BRAKE))) == 1


@pytest.mark.parametrize("hold", [Hold.WINDOW, Hold.GROUP, Hold.BUSY, Hold.SUSPENDED, Hold.BROKEN])
def test_temporary_or_otherwise_reported_hold_is_not_reported(story: Story, hold: Hold) -> None:
    assert story.receive(held(hold)) == []


def test_healed_drift_is_reported(story: Story) -> None:
    assert story.receive(*events_of_pass(pass_planned(DRIFT), Result.DONE)) == [
        "healed: Domain/web had drifted from its spec and was corrected: start"
    ]


def test_lost_connection_is_reported_without_the_objects(story: Story) -> None:
    story.receive(held(Hold.EFFECT), *events_of_pass(pass_planned(EDIT), Result.FAILED, "no"))
    lost = Lost(NOON, "test:///default", "reset")

    assert story.receive(lost, lost) == ["failed: libvirt (test:///default) cannot be reached: reset"]
    assert story.receive(Connected(NOON, "test:///default"), WAITING) == [
        "recovered: resolved: libvirt (test:///default) cannot be reached: reset"
    ]


def test_spec_problem_is_reported_until_resolved(story: Story) -> None:
    specs = Loaded((), {}, (Problem("a.yaml:1:2", "is wrong", "correct it"),), frozenset(), complete=False)

    assert story.receive(pass_planned(IN_SYNC, specs=specs), pass_planned(IN_SYNC, specs=specs)) == [
        "failed: a.yaml:1:2: is wrong; correct it"
    ]
    assert story.receive(pass_planned(IN_SYNC)) == ["recovered: resolved: a.yaml:1:2: is wrong; correct it"]


def test_spec_problem_that_moves_to_another_line_is_not_reported_again(story: Story) -> None:
    first, moved = (
        Loaded((), {}, (Problem(f"a.yaml:{n}:2", "is wrong", "correct it"),), frozenset(), complete=False)
        for n in (1, 9)
    )

    story.receive(pass_planned(IN_SYNC, specs=first))

    assert story.receive(pass_planned(IN_SYNC, specs=moved)) == []
    assert story.receive(pass_planned(IN_SYNC)) == ["recovered: resolved: a.yaml:9:2: is wrong; correct it"]


def test_several_aborted_passes_are_reported_but_a_single_one_is_not(story: Story) -> None:
    aborted = PassFailed(NOON, "p", "the disk is full", "StateError")
    assert (
        story.receive(
            *[aborted] * (REPORTED_ABORTS - 1), pass_planned(IN_SYNC), *[aborted] * (REPORTED_ABORTS - 1)
        )
        == []
    )

    assert story.receive(aborted, aborted) == [
        "failed: 3 passes in a row were aborted; the last: the disk is full"
    ]
    assert len(story.receive(pass_planned(IN_SYNC))) == 1


def test_refused_commit_is_reported(story: Story) -> None:
    refused = RepositoryChecked(NOON, "ssh://git/repo", "c0ffee", "commit deadbeef is not signed")

    assert story.receive(refused, refused) == [
        "failed: the repository ssh://git/repo: commit deadbeef is not signed"
    ]
    assert len(story.receive(RepositoryChecked(NOON, "ssh://git/repo", "c0ffee"))) == 1


def test_approval_is_reported_with_user_and_other_orders_are_not(story: Story) -> None:
    assert story.receive(OrderGiven(NOON, "approve", "c0ffee", "alice", "tested on kvm2")) == [
        "approved: alice approved plan c0ffee: tested on kvm2"
    ]
    assert story.receive(OrderGiven(NOON, "suspend", "Domain/web", "alice")) == []


@pytest.mark.case("15b")
def test_lost_state_is_reported_once_and_not_per_object(story: Story) -> None:
    lost = replace(held(Hold["LOST_STATE"]), plan=replace(held(Hold["LOST_STATE"]).plan, lost="it was lost"))

    assert story.receive(lost, lost) == ["failed: it was lost"]
    assert story.receive(pass_planned(IN_SYNC)) == ["recovered: resolved: it was lost"]
