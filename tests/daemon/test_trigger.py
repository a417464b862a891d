"""The bell: many rings, one answer."""

import threading

import pytest

from kvmreconcile.daemon.trigger import Debounce, TriggerQueue
from kvmreconcile.reconcile.stale import Triggers

WAIT_S = 10


@pytest.fixture
def debounce() -> Debounce:
    return Debounce(debounce_s=0.25, longest_s=2.0)


def test_nobody_rang_and_nothing_is_due(debounce: Debounce) -> None:
    assert debounce.due_s() is None


def test_ring_is_due_when_it_has_been_quiet(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)

    assert debounce.due_s() == 10.25


def test_each_further_ring_puts_it_off(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)
    debounce.add("specs", 10.2)

    assert debounce.due_s() == 10.45


def test_ringing_without_end_is_answered_all_the_same(debounce: Debounce) -> None:
    for tenth in range(100, 150):
        debounce.add("specs", tenth / 10)

    assert debounce.due_s() == 12.0


def test_answer_tells_when_each_reason_first_rang(debounce: Debounce) -> None:
    for at_s in (10.0, 10.1):
        debounce.add("specs", at_s)
    debounce.add("Domain/web1", 10.2)

    assert debounce.take() == {"specs": 10.0, "Domain/web1": 10.2}


def test_answer_names_each_reason_once_and_begins_anew(debounce: Debounce) -> None:
    for why in ("specs", "Domain/web1", "specs"):
        debounce.add(why, 10.0)

    assert tuple(debounce.take()) == ("specs", "Domain/web1")
    assert debounce.due_s() is None


def test_delay_at_most_counts_from_the_first_ring_since_the_last_answer(debounce: Debounce) -> None:
    debounce.add("specs", 10.0)
    debounce.take()
    debounce.add("specs", 11.9)

    assert debounce.due_s() == 12.15


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = 10.0

    def __call__(self) -> float:
        return self.now_s


def test_time_that_is_up_ends_the_wait_without_a_ring() -> None:
    assert TriggerQueue(0.25, Clock()).wait(until_s=10.0) == {}


def test_ring_that_is_due_ends_the_wait() -> None:
    clock = Clock()
    triggers = TriggerQueue(0.25, clock)
    triggers.ring("specs")
    clock.now_s = 10.25

    assert triggers.wait(until_s=99.0) == {"specs": 10.0}


def test_time_that_is_up_takes_rings_along_that_are_not_due_yet() -> None:
    triggers = TriggerQueue(0.25, Clock())
    triggers.ring("specs")

    assert triggers.wait(until_s=9.0) == {"specs": 10.0}


def test_ring_of_another_thread_ends_the_wait() -> None:
    triggers = TriggerQueue(0.0)
    answers: list[Triggers | None] = []
    waiter = threading.Thread(target=lambda: answers.append(triggers.wait()))
    waiter.start()

    triggers.ring("specs")

    waiter.join(WAIT_S)
    assert [tuple(answer or ()) for answer in answers] == [("specs",)]


def test_closed_bell_lets_go_now_and_ever_after() -> None:
    triggers = TriggerQueue(0.0)
    answers: list[Triggers | None] = []
    waiter = threading.Thread(target=lambda: answers.append(triggers.wait()))
    waiter.start()

    triggers.close()

    waiter.join(WAIT_S)
    triggers.ring("specs")
    assert answers == [None]
    assert triggers.wait() is None
