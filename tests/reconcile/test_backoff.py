"""Back-off: who waits, how long, and what ends it."""

from dataclasses import replace

import pytest

from kvmreconcile.errors import Busy, HostError, NoRoom, NotFound, Rejected, StateError, Unsupported
from kvmreconcile.events.attempts import Fate
from kvmreconcile.model import (
    Action,
    Actual,
    Key,
    Observation,
    Outcome,
    Plan,
    Reason,
    Report,
    Result,
    Shortage,
)
from kvmreconcile.model.verbs import verb_of
from kvmreconcile.reconcile.backoff import FORGET_S, Backoff
from kvmreconcile.tree import Effect

WEB, LAN = Key("Domain", "web"), Key("Network", "lan")


def action(key: Key = WEB, verb: str = "start", needs: tuple[Key, ...] = ()) -> Action:
    return Action(key, verb_of(verb), Effect.LIVE, Reason.DRIFT, needs=needs)


def report(*outcomes: Outcome) -> Report:
    return Report(Plan(tuple(o.action for o in outcomes)), outcomes)


def failed(what: Action, *, retry: bool = True) -> Outcome:
    return Outcome(what, Result.FAILED, error="no", retry=retry)


def done(what: Action) -> Outcome:
    return Outcome(what, Result.DONE)


def sifted(backoff: Backoff, now_s: float, *actions: Action) -> list[Key]:
    return [a.key for a in backoff.sift(Plan(actions), now_s).actions]


def test_what_failed_waits_and_what_did_not_goes_on() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(WEB)), done(action(LAN))), 100.0)

    assert sifted(backoff, 100.9, action(WEB), action(LAN)) == [LAN]
    assert backoff.due_s() == 101.0
    assert sifted(backoff, 101.0, action(WEB)) == [WEB]


def test_each_further_failure_waits_twice_as_long_up_to_a_limit() -> None:
    backoff, now_s, waits = Backoff(), 0.0, []
    for _ in range(12):
        backoff.learn(report(failed(action())), now_s)
        due_s = backoff.due_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_what_will_not_pass_by_itself_waits_for_long() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(), retry=False)), 0.0)

    assert backoff.due_s() == 300.0


def test_what_the_state_kept_from_being_done_is_tried_again_soon_after_it_can_be_written() -> None:
    backoff, now_s, waits = Backoff(), 0.0, []
    for _ in range(6):
        backoff.learn(report(replace(failed(action(), retry=False), failure=StateError.__name__)), now_s)
        due_s = backoff.due_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s

    assert waits == [1, 2, 4, 8, 15, 15]


@pytest.mark.parametrize(
    ("error", "wait_s"),
    [
        (Rejected, 300.0),
        (Unsupported, 300.0),
        (NoRoom, 300.0),
        (HostError, 2.0),
        (NotFound, 2.0),
        (Busy, 1.0),
    ],
)
def test_how_long_it_waits_is_a_matter_of_the_error(error: type[HostError], wait_s: float) -> None:
    backoff = Backoff()
    outcome = replace(failed(action(), retry=error.retry), failure=error.__name__)
    backoff.learn(report(outcome), 0.0)

    assert backoff.due_s() == wait_s


def test_other_steps_than_those_that_failed_are_tried_at_once() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(verb="define"), retry=False)), 0.0)

    assert sifted(backoff, 1.0, action(verb="define")) == []
    assert sifted(backoff, 1.0, action(verb="define"), action(verb="start")) == [WEB, WEB]


def test_what_can_now_be_done_to_what_it_needs_ends_the_wait() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(), retry=False)), 0.0)

    assert sifted(backoff, 1.0, action(LAN), action(needs=(LAN,))) == [LAN, WEB]


POOL = Key("StoragePool", "small")


def lacking(needed: int) -> Outcome:
    """Return the failure of a step that needs so many bytes of a pool."""
    outcome = replace(failed(action(), retry=False), failure=NoRoom.__name__)
    return replace(outcome, shortage=Shortage(POOL, needed))


def having(available: int | None) -> Observation:
    return Observation({POOL: Actual(POOL, "", "<pool/>", available=available)})


@pytest.mark.case("11b")
@pytest.mark.parametrize("available", [None, 0, 49])
def test_what_lacks_room_waits_for_long_while_there_is_too_little(available: int | None) -> None:
    backoff = Backoff()
    backoff.learn(report(lacking(50)), 0.0)

    assert backoff.sift(Plan((action(),)), 299.0, having(available)).actions == ()
    assert backoff.sift(Plan((action(),)), 300.0, having(available)).actions == (action(),)


@pytest.mark.case("11b")
def test_what_lacks_room_is_tried_once_there_is_enough() -> None:
    backoff = Backoff()
    backoff.learn(report(lacking(50)), 0.0)

    assert backoff.sift(Plan((action(),)), 1.0, Observation()).actions == ()
    assert backoff.sift(Plan((action(),)), 1.0, having(50)).actions == (action(),)


@pytest.mark.case("11b")
def test_what_fails_for_another_reason_does_not_look_at_the_room() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(), retry=False)), 0.0)

    assert backoff.sift(Plan((action(),)), 1.0, having(1 << 40)).actions == ()


def test_what_needs_one_that_waits_is_left_out_too() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(LAN))), 0.0)

    assert sifted(backoff, 0.5, action(LAN), action(WEB, needs=(LAN,))) == []


def test_what_starts_after_one_that_waits_is_done_up_to_that() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(LAN))), 0.0)
    start = replace(action(WEB), after=(LAN,))
    last = replace(action(Key("Domain", "last")), after=(WEB,))

    plan = backoff.sift(Plan((action(LAN), action(WEB, "define"), start, action(WEB, "ready"), last)), 0.5)

    assert [(a.verb.name, a.key) for a in plan.actions] == [("define", WEB)]


def test_released_by_a_change_of_the_specs_all_is_tried_at_once() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action(), retry=False)), 0.0)

    backoff.release()

    assert sifted(backoff, 1.0, action()) == [WEB]


def test_one_failed_step_is_enough_to_have_failed() -> None:
    backoff = Backoff()
    steps = action(verb="define"), action(verb="start")
    outcomes = done(steps[0]), failed(steps[1])

    assert list(backoff.learn(report(*outcomes), 0.0)) == [WEB]
    assert sifted(backoff, 0.5, *steps) == []


def test_success_is_no_failure_and_nobody_waits() -> None:
    backoff = Backoff()

    assert backoff.learn(report(done(action())), 0.0) == {}
    assert backoff.due_s() is None
    assert sifted(backoff, 0.0, action()) == [WEB]


def test_what_was_skipped_was_not_tried() -> None:
    backoff = Backoff()

    assert backoff.learn(report(Outcome(action(), Result.SKIPPED)), 0.0) == {}
    assert sifted(backoff, 0.0, action()) == [WEB]


def test_what_is_done_again_and_again_is_done_ever_more_slowly() -> None:
    backoff, now_s, times = Backoff(), 0.0, []
    for _ in range(6):
        assert sifted(backoff, now_s, action()) == [WEB]
        backoff.learn(report(done(action())), now_s)
        times.append(now_s)
        if sifted(backoff, now_s, action()) == []:
            now_s = backoff.due_s() or 0.0

    assert times == [0, 0, 0, 1.0, 3.0, 7.0]


def test_success_after_failures_is_the_first_success() -> None:
    backoff, now_s = Backoff(), 0.0
    for _ in range(5):
        backoff.learn(report(failed(action())), now_s)
        now_s = backoff.due_s() or now_s

    assert backoff.learn(report(done(action())), now_s) == {}
    assert sifted(backoff, now_s, action()) == [WEB]


def test_what_was_not_planned_for_a_minute_is_forgotten() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.learn(report(failed(action())), 0.0)
    sifted(backoff, 16.0 + FORGET_S)

    backoff.learn(report(failed(action())), 100.0)

    assert backoff.due_s() == 101.0


def test_what_is_gone_from_the_plan_wakes_nobody() -> None:
    backoff = Backoff()
    backoff.learn(report(failed(action())), 0.0)

    sifted(backoff, 0.5)

    assert backoff.due_s() is None


@pytest.mark.parametrize("fate", Fate)
def test_no_number_of_tries_is_too_great(fate: Fate) -> None:
    assert fate.wait_s(10_000) == fate.value[1]
