"""Queueing, combining, sending and retrying notifications."""

import time
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event

import pytest
from structlog.testing import capture_logs

from kvmreconcile.notify import receiver as module
from kvmreconcile.notify.messages import Message, Topic
from kvmreconcile.notify.receiver import MAX_LINES, MAX_QUEUED, Receiver, close_all

WITHIN_S = 30.0
LONG_S = 3600.0


class Sender:
    """Accepts notifications, fails or hangs."""

    def __init__(self) -> None:
        self.sent: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self.succeeds = True
        self.unblocked = Event()
        self.unblocked.set()
        self.receivers: list[Receiver] = []

    def __call__(self, title: str, text: str) -> bool:
        self.sent.put((title, text))
        self.unblocked.wait(WITHIN_S)
        return self.succeeds

    def next(self) -> tuple[str, str]:
        return self.sent.get(timeout=WITHIN_S)

    def receiver(self, *topics: Topic, interval_s: float = 0.0) -> Receiver:
        """Return a started receiver, for all topics unless some are given."""
        receiver = Receiver("mail", "kvm1", topics or tuple(Topic), interval_s, self)
        receiver.start()
        self.receivers.append(receiver)
        return receiver


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(module, "SETTLE_S", 0.05)
    sender = Sender()
    yield sender
    sender.unblocked.set()
    close_all(sender.receivers, WITHIN_S)


def message(subject: str, topic: Topic = Topic.FAILED, text: str = "") -> Message:
    return Message(topic, subject, text or subject)


def test_messages_are_combined_with_failures_first(sender: Sender) -> None:
    receiver = sender.receiver()

    receiver.enqueue([message("a", Topic.HEALED), message("b", Topic.HELD), message("c")])

    assert sender.next() == (
        "kvmreconcile on kvm1: 1 failed, 1 held, 1 healed",
        "failed: c\nheld: b\nhealed: a",
    )


def test_receiver_gets_only_its_topics(sender: Sender) -> None:
    receiver = sender.receiver(Topic.HELD)

    receiver.enqueue([message("a")])
    receiver.enqueue([message("b", Topic.HELD)])

    assert sender.next()[1] == "held: b"


def test_later_message_replaces_earlier_message_with_same_subject(sender: Sender) -> None:
    sender.receiver().enqueue([message("web"), message("db"), message("web", Topic.RECOVERED, "well")])

    assert sender.next()[1] == "failed: db\nrecovered: well"


def test_messages_within_interval_are_sent_in_one_notification(sender: Sender) -> None:
    receiver = sender.receiver(interval_s=1.0)
    receiver.enqueue([message("first")])
    sender.next()
    began_s = time.monotonic()

    for name in ("a", "b", "c"):
        receiver.enqueue([message(name)])

    assert sender.next()[0] == "kvmreconcile on kvm1: 3 failed"
    assert time.monotonic() - began_s >= 0.9


def test_excess_messages_are_omitted_and_counted(sender: Sender) -> None:
    sender.receiver().enqueue(message(f"m{number}") for number in range(MAX_QUEUED + 7))

    title, text = sender.next()

    assert title == f"kvmreconcile on kvm1: {MAX_QUEUED} failed"
    assert text.splitlines()[MAX_LINES:] == [f"and {MAX_QUEUED - MAX_LINES + 7} more; see the log"]
    assert sender.receivers[0].tally.left_out == 7


def test_failed_notification_is_retried_and_logged_once(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_RETRY_S", 0.1)
    sender.succeeds = False
    with capture_logs() as lines:
        receiver = sender.receiver()
        receiver.enqueue([message("a"), message("b")])
        sender.next()
        receiver.enqueue([message("c"), message("a", Topic.RECOVERED)])
        while "failed: c" not in (last := sender.next())[1]:
            continue
        sender.succeeds = True
        sender.next()
        receiver.enqueue([message("d")])
        sender.next()

    assert last == ("kvmreconcile on kvm1: 2 failed, 1 recovered", "failed: b\nfailed: c\nrecovered: a")
    assert [line["event"] for line in lines] == ["notify.failed", "notify.mended"]
    assert receiver.tally.failed >= 2


def test_hanging_receiver_blocks_nothing(sender: Sender) -> None:
    sender.unblocked.clear()
    hanging = sender.receiver()
    hanging.enqueue([message("a")])
    sender.next()
    began_s = time.monotonic()

    for number in range(10 * MAX_QUEUED):
        hanging.enqueue([message(str(number))])
    close_all([hanging], patience_s=0.2)

    assert time.monotonic() - began_s < 5
    assert hanging.tally.left_out == 9 * MAX_QUEUED


def test_queued_messages_are_sent_at_close_without_delay(sender: Sender) -> None:
    receiver = sender.receiver(interval_s=LONG_S)
    receiver.enqueue([message("a")])
    sender.next()
    receiver.enqueue([message("b")])

    close_all([receiver], WITHIN_S)

    assert sender.sent.get_nowait()[1] == "failed: b"


def test_failed_notification_is_not_retried_after_close(sender: Sender) -> None:
    sender.succeeds = False
    receiver = sender.receiver(interval_s=LONG_S)
    receiver.enqueue([message("a")])
    sender.next()

    close_all([receiver], WITHIN_S)

    assert sender.sent.qsize() <= 1
