"""What is sent, when, and what becomes of it where nobody takes it."""

import time
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event

import pytest
from structlog.testing import capture_logs

from kvmreconcile.notify import receiver as module
from kvmreconcile.notify.messages import Message, Topic
from kvmreconcile.notify.receiver import LINES, QUEUE, Receiver, close

WITHIN_S = 30.0
LONG_S = 3600.0


class Door:
    """Takes notifications, or does not."""

    def __init__(self) -> None:
        self.came: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self.takes = True
        self.open = Event()
        self.open.set()
        self.receivers: list[Receiver] = []

    def __call__(self, title: str, text: str) -> bool:
        self.came.put((title, text))
        self.open.wait(WITHIN_S)
        return self.takes

    def next(self) -> tuple[str, str]:
        return self.came.get(timeout=WITHIN_S)

    def receiver(self, *topics: Topic, interval_s: float = 0.0) -> Receiver:
        """Return one that is started, for all topics unless some are named."""
        receiver = Receiver("mail", "kvm1", topics or tuple(Topic), interval_s, self)
        receiver.start()
        self.receivers.append(receiver)
        return receiver


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(module, "SETTLE_S", 0.05)
    door = Door()
    yield door
    door.open.set()
    close(door.receivers, WITHIN_S)


def message(subject: str, topic: Topic = Topic.FAILED, text: str = "") -> Message:
    return Message(topic, subject, text or subject)


def test_what_comes_together_is_told_together_and_the_worst_first(door: Door) -> None:
    receiver = door.receiver()

    receiver.offer([message("a", Topic.HEALED), message("b", Topic.HELD), message("c")])

    assert door.next() == (
        "kvmreconcile on kvm1: 1 failed, 1 held, 1 healed",
        "failed: c\nheld: b\nhealed: a",
    )


def test_only_what_a_receiver_wants_is_told_to_it(door: Door) -> None:
    receiver = door.receiver(Topic.HELD)

    receiver.offer([message("a")])
    receiver.offer([message("b", Topic.HELD)])

    assert door.next()[1] == "held: b"


def test_of_two_messages_about_the_same_the_later_is_told(door: Door) -> None:
    door.receiver().offer([message("web"), message("db"), message("web", Topic.RECOVERED, "well")])

    assert door.next()[1] == "failed: db\nrecovered: well"


def test_between_two_notifications_there_is_time_and_what_came_in_it_is_one(door: Door) -> None:
    receiver = door.receiver(interval_s=1.0)
    receiver.offer([message("first")])
    door.next()
    began_s = time.monotonic()

    for name in ("a", "b", "c"):
        receiver.offer([message(name)])

    assert door.next()[0] == "kvmreconcile on kvm1: 3 failed"
    assert time.monotonic() - began_s >= 0.9


def test_a_flood_is_cut_short_and_says_so(door: Door) -> None:
    door.receiver().offer(message(f"m{number}") for number in range(QUEUE + 7))

    title, text = door.next()

    assert title == f"kvmreconcile on kvm1: {QUEUE} failed"
    assert text.splitlines()[LINES:] == [f"and {QUEUE - LINES + 7} more; see the log"]
    assert door.receivers[0].tally.left_out == 7


def test_what_was_not_taken_is_told_again_and_logged_once(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.1)
    door.takes = False
    with capture_logs() as lines:
        receiver = door.receiver()
        receiver.offer([message("a"), message("b")])
        door.next()
        receiver.offer([message("c"), message("a", Topic.RECOVERED)])
        while "failed: c" not in (said := door.next())[1]:
            continue
        door.takes = True
        door.next()
        receiver.offer([message("d")])
        door.next()

    assert said == ("kvmreconcile on kvm1: 2 failed, 1 recovered", "failed: b\nfailed: c\nrecovered: a")
    assert [line["event"] for line in lines] == ["notify.failed", "notify.mended"]
    assert receiver.tally.failed >= 2


def test_a_receiver_that_hangs_keeps_nobody_waiting(door: Door) -> None:
    door.open.clear()
    hanging = door.receiver()
    hanging.offer([message("a")])
    door.next()
    began_s = time.monotonic()

    for number in range(10 * QUEUE):
        hanging.offer([message(str(number))])
    close([hanging], patience_s=0.2)

    assert time.monotonic() - began_s < 5
    assert hanging.tally.left_out == 9 * QUEUE


def test_what_waits_at_the_end_is_sent_without_waiting(door: Door) -> None:
    receiver = door.receiver(interval_s=LONG_S)
    receiver.offer([message("a")])
    door.next()
    receiver.offer([message("b")])

    close([receiver], WITHIN_S)

    assert door.came.get_nowait()[1] == "failed: b"


def test_at_the_end_nobody_insists(door: Door) -> None:
    door.takes = False
    receiver = door.receiver(interval_s=LONG_S)
    receiver.offer([message("a")])
    door.next()

    close([receiver], WITHIN_S)

    assert door.came.qsize() <= 1
