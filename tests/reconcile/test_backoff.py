"""Delays before failed objects are retried, and the events that end a delay."""

from dataclasses import replace

import pytest

from kvmreconcile.errors import Busy, HostError, NoRoom, NotFound, Rejected, StateError, Unsupported
from kvmreconcile.events.attempts import AttemptResult
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
from kvmreconcile.reconcile.backoff import DELAYS_S, FORGET_S, Backoff, delay_s
from kvmreconcile.tree import Effect

WEB, LAN = Key("Domain", "web"), Key("Network", "lan")


def action(key: Key = WEB, verb: str = "start", needs: tuple[Key, ...] = ()) -> Action:
    return Action(key, verb_of(verb), Effect.LIVE, Reason.DRIFT, needs=needs)


def report(*outcomes: Outcome) -> Report:
    return Report(Plan(tuple(o.action for o in outcomes)), outcomes)


def fail(what: Action, *, retry: bool = True) -> Outcome:
    return Outcome(what, Result.FAILED, error="no", retry=retry)


def succeed(what: Action) -> Outcome:
    return Outcome(what, Result.DONE)


def remaining_keys(backoff: Backoff, now_s: float, *actions: Action) -> list[Key]:
    return [a.key for a in backoff.exclude_waiting(Plan(actions), now_s).actions]


def test_failed_object_waits_and_others_continue() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(WEB)), succeed(action(LAN))), 100.0)

    assert remaining_keys(backoff, 100.9, action(WEB), action(LAN)) == [LAN]
    assert backoff.due_s() == 101.0
    assert remaining_keys(backoff, 101.0, action(WEB)) == [WEB]


def test_delay_doubles_with_each_failure_up_to_limit() -> None:
    backoff, now_s, waits = Backoff(), 0.0, []
    for _ in range(12):
        backoff.record_report(report(fail(action())), now_s)
        due_s = backoff.due_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s

    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_permanent_failure_has_a_long_delay() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(), retry=False)), 0.0)

    assert backoff.due_s() == 300.0


def test_step_that_could_not_be_recorded_is_retried_within_15_s() -> None:
    backoff, now_s, waits = Backoff(), 0.0, []
    for _ in range(6):
        backoff.record_report(
            report(replace(fail(action(), retry=False), failure=StateError.__name__)), now_s
        )
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
def test_delay_depends_on_error(error: type[HostError], wait_s: float) -> None:
    backoff = Backoff()
    outcome = replace(fail(action(), retry=error.retry), failure=error.__name__)
    backoff.record_report(report(outcome), 0.0)

    assert backoff.due_s() == wait_s


def test_changed_steps_do_not_wait() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(verb="define"), retry=False)), 0.0)

    assert remaining_keys(backoff, 1.0, action(verb="define")) == []
    assert remaining_keys(backoff, 1.0, action(verb="define"), action(verb="start")) == [WEB, WEB]


def test_change_of_needed_object_ends_wait() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(), retry=False)), 0.0)

    assert remaining_keys(backoff, 1.0, action(LAN), action(needs=(LAN,))) == [LAN, WEB]


POOL = Key("StoragePool", "small")


def fail_for_space(needed: int) -> Outcome:
    """Return the failure of a step that needs this number of bytes in a pool."""
    outcome = replace(fail(action(), retry=False), failure=NoRoom.__name__)
    return replace(outcome, shortage=Shortage(POOL, needed))


def observation_with(available: int | None) -> Observation:
    return Observation({POOL: Actual(POOL, "", "<pool/>", available=available)})


@pytest.mark.case("11b")
@pytest.mark.parametrize("available", [None, 0, 49])
def test_step_that_lacks_space_has_a_long_delay(available: int | None) -> None:
    backoff = Backoff()
    backoff.record_report(report(fail_for_space(50)), 0.0)

    assert backoff.exclude_waiting(Plan((action(),)), 299.0, observation_with(available)).actions == ()
    assert backoff.exclude_waiting(Plan((action(),)), 300.0, observation_with(available)).actions == (
        action(),
    )


@pytest.mark.case("11b")
def test_step_that_lacked_space_is_retried_when_space_is_available() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail_for_space(50)), 0.0)

    assert backoff.exclude_waiting(Plan((action(),)), 1.0, Observation()).actions == ()
    assert backoff.exclude_waiting(Plan((action(),)), 1.0, observation_with(50)).actions == (action(),)


@pytest.mark.case("11b")
def test_other_failure_is_not_retried_when_space_is_available() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(), retry=False)), 0.0)

    assert backoff.exclude_waiting(Plan((action(),)), 1.0, observation_with(1 << 40)).actions == ()


def test_dependents_of_waiting_object_are_excluded() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(LAN))), 0.0)

    assert remaining_keys(backoff, 0.5, action(LAN), action(WEB, needs=(LAN,))) == []


def test_start_that_must_follow_a_waiting_object_is_excluded() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(LAN))), 0.0)
    start = replace(action(WEB), after=(LAN,))
    last = replace(action(Key("Domain", "last")), after=(WEB,))

    plan = backoff.exclude_waiting(
        Plan((action(LAN), action(WEB, "define"), start, action(WEB, "ready"), last)), 0.5
    )

    assert [(a.verb.name, a.key) for a in plan.actions] == [("define", WEB)]


def test_release_ends_all_waits() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action(), retry=False)), 0.0)

    backoff.release()

    assert remaining_keys(backoff, 1.0, action()) == [WEB]


def test_object_with_one_failed_step_waits() -> None:
    backoff = Backoff()
    steps = action(verb="define"), action(verb="start")
    outcomes = succeed(steps[0]), fail(steps[1])

    assert list(backoff.record_report(report(*outcomes), 0.0)) == [WEB]
    assert remaining_keys(backoff, 0.5, *steps) == []


def test_first_success_does_not_wait() -> None:
    backoff = Backoff()

    assert backoff.record_report(report(succeed(action())), 0.0) == {}
    assert backoff.due_s() is None
    assert remaining_keys(backoff, 0.0, action()) == [WEB]


def test_skipped_step_does_not_wait() -> None:
    backoff = Backoff()

    assert backoff.record_report(report(Outcome(action(), Result.SKIPPED)), 0.0) == {}
    assert remaining_keys(backoff, 0.0, action()) == [WEB]


def test_repeated_success_has_increasing_delays() -> None:
    backoff, now_s, times = Backoff(), 0.0, []
    for _ in range(6):
        assert remaining_keys(backoff, now_s, action()) == [WEB]
        backoff.record_report(report(succeed(action())), now_s)
        times.append(now_s)
        if remaining_keys(backoff, now_s, action()) == []:
            now_s = backoff.due_s() or 0.0

    assert times == [0, 0, 0, 1.0, 3.0, 7.0]


def test_success_after_failures_does_not_wait() -> None:
    backoff, now_s = Backoff(), 0.0
    for _ in range(5):
        backoff.record_report(report(fail(action())), now_s)
        now_s = backoff.due_s() or now_s

    assert backoff.record_report(report(succeed(action())), now_s) == {}
    assert remaining_keys(backoff, now_s, action()) == [WEB]


def test_attempts_are_forgotten_one_minute_after_the_retry_was_due() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.record_report(report(fail(action())), 0.0)
    remaining_keys(backoff, 16.0 + FORGET_S)

    backoff.record_report(report(fail(action())), 100.0)

    assert backoff.due_s() == 101.0


def test_object_that_is_no_longer_planned_has_no_retry() -> None:
    backoff = Backoff()
    backoff.record_report(report(fail(action())), 0.0)

    remaining_keys(backoff, 0.5)

    assert backoff.due_s() is None


@pytest.mark.parametrize("attempt_result", AttemptResult)
def test_delay_is_limited_for_any_number_of_attempts(attempt_result: AttemptResult) -> None:
    assert delay_s(attempt_result, 10_000) == DELAYS_S[attempt_result][1]
