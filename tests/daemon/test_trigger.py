"""The queue of triggers: many triggers, one pass."""

import threading

import pytest

from kvmreconcile.daemon.trigger import Debounce, TriggerQueue
from kvmreconcile.reconcile.stale_objects import Triggers

WAIT_S = 10


@pytest.fixture
def debounce() -> Debounce:
    return Debounce(debounce_s=0.25, longest_s=2.0)


def test_no_pass_is_due_without_trigger(debounce: Debounce) -> None:
    assert debounce.due_s() is None


def test_trigger_is_due_after_debounce(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)

    assert debounce.due_s() == 10.25


def test_further_trigger_restarts_debounce(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)
    debounce.add("specs", 10.2)

    assert debounce.due_s() == 10.45


def test_continuous_triggers_are_due_after_maximum_delay(debounce: Debounce) -> None:
    for tenth in range(100, 150):
        debounce.add("specs", tenth / 10)

    assert debounce.due_s() == 12.0


def test_take_returns_the_first_time_of_each_reason(debounce: Debounce) -> None:
    for at_s in (10.0, 10.1):
        debounce.add("specs", at_s)
    debounce.add("Domain/web1", 10.2)

    assert debounce.take() == {"specs": 10.0, "Domain/web1": 10.2}


def test_take_returns_each_reason_once_and_empties_queue(debounce: Debounce) -> None:
    for reason in ("specs", "Domain/web1", "specs"):
        debounce.add(reason, 10.0)

    assert tuple(debounce.take()) == ("specs", "Domain/web1")
    assert debounce.due_s() is None


def test_maximum_delay_starts_at_the_first_trigger_after_take(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)
    debounce.take()
    debounce.add("specs", 11.9)

    assert debounce.due_s() == 12.15


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


def test_wait_times_out_without_trigger() -> None:
    assert TriggerQueue(0.25, Clock()).wait(until_s=10.0) == {}


def test_due_trigger_ends_wait() -> None:
    clock = Clock()
    triggers = TriggerQueue(0.25, clock)
    triggers.enqueue("specs")
    clock.now_s = 10.25

    assert triggers.wait(until_s=99.0) == {"specs": 10.0}


def test_wait_that_times_out_returns_triggers_before_they_are_due() -> None:
    triggers = TriggerQueue(0.25, Clock())
    triggers.enqueue("specs")

    assert triggers.wait(until_s=9.0) == {"specs": 10.0}


def test_trigger_of_other_thread_ends_wait() -> None:
    triggers = TriggerQueue(0.0)
    answers: list[Triggers | None] = []
    waiter = threading.Thread(target=lambda: answers.append(triggers.wait()))
    waiter.start()

    triggers.enqueue("specs")

    waiter.join(WAIT_S)
    assert [tuple(answer or ()) for answer in answers] == [("specs",)]


def test_closing_the_queue_ends_current_and_later_waits() -> None:
    triggers = TriggerQueue(0.0)
    answers: list[Triggers | None] = []
    waiter = threading.Thread(target=lambda: answers.append(triggers.wait()))
    waiter.start()

    triggers.close()

    waiter.join(WAIT_S)
    triggers.enqueue("specs")
    assert answers == [None]
    assert triggers.wait() is None
