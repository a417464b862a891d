"""
One receiver of notifications: what waits for it, and the thread that sends it.

Separate from what there is to tell. Each receiver has a thread of its own, so that a dead one keeps neither the
daemon waiting nor the others.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from threading import Condition, Thread

import structlog

from kvmreconcile.notify.messages import Message, Topic

QUEUE = 200
"""How many messages wait at most; more are counted and left out."""
LINES = 20
"""How many messages are spelt out in one notification."""
SETTLE_S = 1.0
"""How long is waited for others that come together with the first."""
LONGEST_S = 300.0
"""After how long at most a receiver that did not take a notification is tried again."""

Send = Callable[[str, str], bool]
"""Sends a title and a text, and tells whether they were taken; it may take long, and raises nothing."""

log = structlog.get_logger()


@dataclass(slots=True)
class Tally:
    """How many notifications were sent and failed, and how many messages were left out."""

    sent: int = 0
    failed: int = 0
    left_out: int = 0


@dataclass(slots=True)
class _Batch:
    """What waits, by subject: of two messages about the same only the later one does."""

    messages: dict[str, Message] = field(default_factory=dict)
    left_out: int = 0

    def add(self, message: Message) -> bool:
        """Take one in; tell whether there was room."""
        is_known = self.messages.pop(message.subject, None) is not None
        if not is_known and len(self.messages) >= QUEUE:
            self.left_out += 1
            return False
        self.messages[message.subject] = message
        return True

    def title(self, host: str) -> str:
        """Return how many there are of each topic in words: "kvm1: 2 failed, 1 held"."""
        counts = Counter(message.topic for message in self.messages.values())
        said = ", ".join(f"{counts[topic]} {topic.value}" for topic in Topic if counts[topic])
        return f"kvmreconcile on {host}: {said}"

    def text(self) -> str:
        """Return a line each, those first that somebody has to act on, and how many are not told."""
        order = {topic: number for number, topic in enumerate(Topic)}
        ordered = sorted(self.messages.values(), key=lambda m: order[m.topic])
        lines = [f"{message.topic.value}: {message.text}" for message in ordered[:LINES]]
        untold = len(ordered) - len(lines) + self.left_out
        return "\n".join([*lines, *([f"and {untold} more; see the log"] if untold else [])])


class Receiver:
    """
    Takes messages in at once, and sends them when it may.

    Attributes:
        name: Without a secret.
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
        self._batch = _Batch()
        self._changed = Condition()
        self._closed = False
        self._failures = 0
        # A daemon thread: one that is stuck in a call does not keep the process from its end.
        self._thread = Thread(target=self._work, name=f"notify-{name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, messages: Iterable[Message]) -> None:
        """Take in what it wants of some messages; returns at once."""
        with self._changed:
            for message in messages:
                if message.topic in self._topics and not self._batch.add(message):
                    self.tally.left_out += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Have what waits sent once more without delay, and then nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def join(self, patience_s: float) -> None:
        """Wait for its end, but not longer than so many seconds."""
        self._thread.join(patience_s)

    def _work(self) -> None:
        while batch := self._next():
            is_taken = self._send(batch.title(self._host), batch.text())
            self._learn(batch, is_taken=is_taken)
            self._rest(self._interval_s if is_taken else self._pause_s())

    def _next(self) -> _Batch | None:
        """Wait for messages and for those that come with them; None once there are none and it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._batch.messages or self._closed)
        self._rest(SETTLE_S)
        with self._changed:
            batch, self._batch = self._batch, _Batch()
        return batch if batch.messages else None

    def _rest(self, for_s: float) -> None:
        """Wait so long, or until it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, for_s)

    def _pause_s(self) -> float:
        return max(self._interval_s, min(2.0 ** min(self._failures, 30), LONGEST_S))

    def _learn(self, batch: _Batch, *, is_taken: bool) -> None:
        """Count, and keep what was not taken; whether it works is logged when that changes."""
        if is_taken:
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
                self._batch = _Batch()
                return
            later, self._batch = self._batch, batch
            for message in later.messages.values():
                if not self._batch.add(message):
                    self.tally.left_out += 1
            self._batch.left_out += later.left_out


def close(
    receivers: Collection[Receiver], patience_s: float, clock: Callable[[], float] = time.monotonic
) -> None:
    """Close all, and wait for them together so many seconds at most."""
    until_s = clock() + patience_s
    for receiver in receivers:
        receiver.close()
    for receiver in receivers:
        receiver.join(max(0.0, until_s - clock()))
