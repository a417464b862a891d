"""
Queue messages for a receiver of notifications, and send them in a thread.

Each receiver has its own thread, so that a slow receiver delays neither the daemon nor other receivers.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from threading import Condition, Thread

import structlog

from kvmreconcile.notify.messages import Message, Topic

MAX_QUEUED = 200
"""The maximum number of queued messages; further messages are counted and dropped."""
MAX_LINES = 20
"""The maximum number of messages in one notification."""
SETTLE_S = 1.0
"""How long to wait for further messages after the first message, to send all of them together."""
MAX_RETRY_S = 300.0
"""The longest delay before a failed notification is retried."""

Send = Callable[[str, str], bool]
"""Sends a title and a text, and returns whether it succeeded. It may take long, and raises no error."""

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """
    Counters of a receiver.

    Attributes:
        sent: The number of notifications that were sent.
        failed: The number of failed attempts to send a notification.
        left_out: The number of messages that were dropped.
    """

    sent: int = 0
    failed: int = 0
    left_out: int = 0


@dataclass(slots=True)
class _Outbox:
    """Queued messages by subject; a new message replaces the message with the same subject."""

    messages: dict[str, Message] = field(default_factory=dict)
    left_out: int = 0

    def add(self, message: Message) -> bool:
        """Queue a message; return False if the queue is full."""
        is_known = self.messages.pop(message.subject, None) is not None
        if not is_known and len(self.messages) >= MAX_QUEUED:
            self.left_out += 1
            return False
        self.messages[message.subject] = message
        return True

    def title(self, host: str) -> str:
        """Return a title with the number of messages by topic: "kvmreconcile on kvm1: 2 failed, 1 held"."""
        counts = Counter(message.topic for message in self.messages.values())
        counted = ", ".join(f"{counts[topic]} {topic.value}" for topic in Topic if counts[topic])
        return f"kvmreconcile on {host}: {counted}"

    def text(self) -> str:
        """Return one line per message, failures first, and the number of messages that were left out."""
        order = {topic: number for number, topic in enumerate(Topic)}
        ordered = sorted(self.messages.values(), key=lambda m: order[m.topic])
        lines = [f"{message.topic.value}: {message.text}" for message in ordered[:MAX_LINES]]
        left_out = len(ordered) - len(lines) + self.left_out
        return "\n".join([*lines, *([f"and {left_out} more; see the log"] if left_out else [])])


class Receiver:
    """
    Queues messages, and sends them in a thread.

    Attributes:
        name: The name of the receiver in logs and metrics; it contains no secret.
        tally: The counters for metrics.
    """

    def __init__(
        self, name: str, host: str, topics: Collection[Topic], interval_s: float, send: Send
    ) -> None:
        self.name = name
        self.tally = Tally()
        self._host = host
        self._topics = frozenset(topics)
        self._interval_s = interval_s
        self._send = send
        self._outbox = _Outbox()
        self._changed = Condition()
        self._closed = False
        self._failures = 0
        # A daemon thread: a call that hangs does not keep the process from exiting.
        self._thread = Thread(target=self._work, name=f"notify-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def enqueue(self, messages: Iterable[Message]) -> None:
        """Queue the messages that have one of this receiver's topics, and return at once."""
        with self._changed:
            for message in messages:
                if message.topic in self._topics and not self._outbox.add(message):
                    self.tally.left_out += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let the thread send the queued messages without delay, and then end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for the end of the thread, but at most `patience_s` seconds."""
        self._thread.join(patience_s)

    def _work(self) -> None:
        while batch := self._next_outbox():
            is_sent = self._send(batch.title(self._host), batch.text())
            self._record_result(batch, is_sent=is_sent)
            self._pause(self._interval_s if is_sent else self._pause_s())

    def _next_outbox(self) -> _Outbox | None:
        """
        Wait for a message and for messages that soon follow, and return all of them.

        Returns None if the receiver is closed and has no messages.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._outbox.messages or self._closed)
        self._pause(SETTLE_S)
        with self._changed:
            batch, self._outbox = self._outbox, _Outbox()
        return batch if batch.messages else None

    def _pause(self, for_s: float) -> None:
        """Wait for `for_s` seconds, or until the receiver is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, for_s)

    def _pause_s(self) -> float:
        return max(self._interval_s, min(2.0 ** min(self._failures, 30), MAX_RETRY_S))

    def _record_result(self, batch: _Outbox, *, is_sent: bool) -> None:
        """
        Count the result of a notification, and queue the messages of a failed notification again.

        The first failure and the end of failures are logged.
        """
        if is_sent:
            if self._failures:
                log.info("notify.mended", receiver=self.name)
            self._failures = 0
            self.tally.sent += 1
            return
        self.tally.failed += 1
        self._failures += 1
        if self._failures == 1:
            log.warning("notify.failed", receiver=self.name, messages=len(batch.messages))
        with self._changed:
            if self._closed:
                self._outbox = _Outbox()
                return
            later, self._outbox = self._outbox, batch
            for message in later.messages.values():
                if not self._outbox.add(message):
                    self.tally.left_out += 1
            self._outbox.left_out += later.left_out


def close_all(
    receivers: Collection[Receiver], patience_s: float, clock: Callable[[], float] = time.monotonic
) -> None:
    """Close all receivers, and wait for them at most `patience_s` seconds in total."""
    until_s = clock() + patience_s
    for receiver in receivers:
        receiver.close()
    for receiver in receivers:
        receiver.join(max(0.0, until_s - clock()))
