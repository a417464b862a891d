"""
Pass the messages of each event to the receivers.

A subscriber must return at once, so each receiver sends its messages in a separate thread.
"""

from collections.abc import Callable, Collection
from threading import Lock
from typing import Self

from kvmreconcile.events.events import PassEvent
from kvmreconcile.notify.messages import NotificationState, next_messages
from kvmreconcile.notify.receiver import Receiver, close_all
from kvmreconcile.status import Status

GRACE_S = 3.0
"""How long a stopping daemon waits for queued messages to be sent."""


class Notifier:
    """
    Subscriber that passes messages to receivers; its context starts and stops the receivers.

    Attributes:
        receivers: The receivers of messages.
    """

    def __init__(self, receivers: Collection[Receiver], status: Callable[[], Status]) -> None:
        self.receivers = tuple(receivers)
        self._status = status
        self._lock = Lock()
        self._state = NotificationState()

    def __enter__(self) -> Self:
        for receiver in self.receivers:
            receiver.start()
        return self

    def __exit__(self, *_error: object) -> None:
        close_all(self.receivers, GRACE_S)

    def __call__(self, event: PassEvent) -> None:
        """Compute the messages of an event, and queue them for each receiver."""
        if not self.receivers:
            return
        with self._lock:
            self._state, messages = next_messages(self._state, event, self._status())
        if messages:
            for receiver in self.receivers:
                receiver.enqueue(messages)
