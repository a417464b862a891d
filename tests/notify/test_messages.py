"""What people are told, and what they are not."""

from dataclasses import replace

import pytest

from kvmreconcile.daemon.latest_status import LatestStatus
from kvmreconcile.errors import Problem
from kvmreconcile.events.attempts import Fate
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
from kvmreconcile.notify.messages import BREAKS, Memory, Message, messages
from kvmreconcile.settings.settings import Settings
from kvmreconcile.source.load import Loaded
from kvmreconcile.tree import Effect
from tests.status.told import DB, LAN, NOON, WEB, action, planned, wait

WELL = Plan(in_sync=(WEB, DB, LAN))
EDIT = Plan(actions=(action(WEB),), in_sync=(DB, LAN))
DRIFT = Plan(actions=(Action(WEB, verb_of("start"), Effect.LIVE, Reason.DRIFT),), in_sync=(DB, LAN))
WAITING = replace(planned(EDIT), allowed=Plan(), waits={WEB: wait()})


class Story:
    """What is told, news by news."""

    def __init__(self) -> None:
        self.memory = Memory()
        self._latest_status = LatestStatus(Settings(host="kvm1"), "1.0")
        assert self.hear(Connected(NOON, "test:///default")) == []

    def tell(self, *news: PassEvent) -> list[Message]:
        told: list[Message] = []
        for each in news:
            self._latest_status(each)
            self.memory, more = messages(self.memory, each, self._latest_status.status)
            told += more
        return told

    def hear(self, *news: PassEvent) -> list[str]:
        return [f"{message.topic.value}: {message.text}" for message in self.tell(*news)]


@pytest.fixture
def story() -> Story:
    return Story()


def ended(
    first: PassPlanned, result: Result, error: str = "", fate: Fate = Fate.PASSING
) -> tuple[PassEvent, ...]:
    outcomes = tuple(Outcome(each, result, 0.1, error) for each in first.allowed.actions)
    waits = {each.key: wait(fate) for each in first.allowed.actions} if error else {}
    steps = tuple(ActionFinished(NOON, first, outcome) for outcome in outcomes)
    return (first, *steps, PassFinished(first, Report(first.allowed, outcomes), waits, 0.1))


def held(hold: Hold, detail: str = "too dear") -> PassPlanned:
    return planned(Plan(held=(Held(action(WEB, "restart"), hold, detail, "approve it"),), in_sync=(DB, LAN)))


def test_all_is_well_and_nothing_is_told(story: Story) -> None:
    assert story.hear(planned(WELL), *ended(planned(EDIT), Result.DONE), planned(WELL)) == []


def test_failure_is_told_once_however_often_it_is_tried_again(story: Story) -> None:
    failing = ended(planned(EDIT), Result.FAILED, "libvirt will not")

    assert story.hear(*failing) == ["failed: Domain/web: libvirt will not"]
    assert story.hear(WAITING, *failing, WAITING) == []


def test_recovery_is_told_once_it_was_looked_at(story: Story) -> None:
    story.hear(*ended(planned(EDIT), Result.FAILED, "libvirt will not"))

    assert story.hear(*ended(planned(EDIT), Result.DONE)) == []
    assert story.hear(planned(WELL)) == ["recovered: resolved: Domain/web: libvirt will not"]
    assert story.hear(planned(WELL)) == []


def test_failure_of_what_nobody_wants_any_more_is_forgotten(story: Story) -> None:
    story.hear(*ended(planned(EDIT), Result.FAILED, "no"))
    rest = planned(Plan(in_sync=(DB, LAN)))
    gone = replace(rest, world=replace(rest.world, desired={k: rest.world.desired[k] for k in (DB, LAN)}))

    assert story.hear(gone) == []
    assert story.memory.open == {}


def test_a_guest_that_dies_at_every_start_is_told_of_while_it_does(story: Story) -> None:
    first = planned(DRIFT)
    acted = ended(first, Result.DONE)[-1]
    assert isinstance(acted, PassFinished)

    told = story.hear(first, replace(acted, waits={WEB: wait(Fate.DONE)}))

    assert told[0].startswith("healed: Domain/web had drifted from its spec")
    assert told[1:] == [
        "failed: Domain/web: done 3 times and needed again; another tool or the guest may revert it"
    ]


def test_held_is_told_once_with_what_would_release_it(story: Story) -> None:
    why = "its effect needs approval: too dear; to release: approve it"

    assert story.hear(held(Hold.EFFECT), held(Hold.EFFECT, "other words")) == [
        f"held: Domain/web: restart held: {why}"
    ]
    assert story.hear(planned(WELL)) == []
    assert len(story.hear(held(Hold.EFFECT))) == 1


def test_held_for_another_reason_is_told_anew(story: Story) -> None:
    story.hear(held(Hold.EFFECT))

    assert len(story.hear(held(Hold.BRAKE))) == 1


@pytest.mark.parametrize("hold", [Hold.WINDOW, Hold.GROUP, Hold.BUSY, Hold.SUSPENDED, Hold.BROKEN])
def test_held_that_passes_or_is_told_otherwise_is_not_told(story: Story, hold: Hold) -> None:
    assert story.hear(held(hold)) == []


def test_drift_is_told_when_it_is_healed(story: Story) -> None:
    assert story.hear(*ended(planned(DRIFT), Result.DONE)) == [
        "healed: Domain/web had drifted from its spec and was corrected: start"
    ]


def test_libvirt_that_goes_and_comes_is_told_and_of_its_objects_nothing(story: Story) -> None:
    story.hear(held(Hold.EFFECT), *ended(planned(EDIT), Result.FAILED, "no"))
    lost = Lost(NOON, "test:///default", "reset")

    assert story.hear(lost, lost) == ["failed: libvirt (test:///default) cannot be reached: reset"]
    assert story.hear(Connected(NOON, "test:///default"), WAITING) == [
        "recovered: resolved: libvirt (test:///default) cannot be reached: reset"
    ]


def test_mistake_in_a_spec_is_told_until_it_is_mended(story: Story) -> None:
    specs = Loaded((), {}, (Problem("a.yaml:1:2", "is wrong", "mend it"),), frozenset(), complete=False)

    assert story.hear(planned(WELL, specs=specs), planned(WELL, specs=specs)) == [
        "failed: a.yaml:1:2: is wrong; mend it"
    ]
    assert story.hear(planned(WELL)) == ["recovered: resolved: a.yaml:1:2: is wrong; mend it"]


def test_mistake_that_moves_to_another_line_is_the_same(story: Story) -> None:
    first, moved = (
        Loaded((), {}, (Problem(f"a.yaml:{n}:2", "is wrong", "mend it"),), frozenset(), complete=False)
        for n in (1, 9)
    )

    story.hear(planned(WELL, specs=first))

    assert story.hear(planned(WELL, specs=moved)) == []
    assert story.hear(planned(WELL)) == ["recovered: resolved: a.yaml:9:2: is wrong; mend it"]


def test_one_pass_that_breaks_off_is_nothing_and_several_are_told(story: Story) -> None:
    broken = PassFailed(NOON, "p", "the disk is full", "StateError")
    assert story.hear(*[broken] * (BREAKS - 1), planned(WELL), *[broken] * (BREAKS - 1)) == []

    assert story.hear(broken, broken) == [
        "failed: 3 passes in a row were aborted; the last: the disk is full"
    ]
    assert len(story.hear(planned(WELL))) == 1


def test_commit_that_must_not_be_used_is_told(story: Story) -> None:
    refused = RepositoryChecked(NOON, "ssh://git/repo", "c0ffee", "commit deadbeef is not signed")

    assert story.hear(refused, refused) == [
        "failed: the repository ssh://git/repo: commit deadbeef is not signed"
    ]
    assert len(story.hear(RepositoryChecked(NOON, "ssh://git/repo", "c0ffee"))) == 1


def test_approval_is_told_with_who_gave_it_and_other_orders_are_not(story: Story) -> None:
    assert story.hear(OrderGiven(NOON, "approve", "c0ffee", "alice", "tested on kvm2")) == [
        "approved: alice approved plan c0ffee: tested on kvm2"
    ]
    assert story.hear(OrderGiven(NOON, "suspend", "Domain/web", "alice")) == []


@pytest.mark.case("15b")
def test_lost_state_is_told_once_and_not_for_each_object(story: Story) -> None:
    lost = replace(held(Hold["LOST_STATE"]), plan=replace(held(Hold["LOST_STATE"]).plan, lost="it was lost"))

    assert story.hear(lost, lost) == ["failed: it was lost"]
    assert story.hear(planned(WELL)) == ["recovered: resolved: it was lost"]
