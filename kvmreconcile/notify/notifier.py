"""
Follow the daemon, and hand what there is to tell to the receivers.

Separate from the threads that send: a follower returns at once, whatever becomes of its messages.
"""

from collections.abc import Callable, Collection
from threading import Lock
from typing import Self

from kvmreconcile.events.events import PassEvent
from kvmreconcile.notify.messages import Memory, messages
from kvmreconcile.notify.receiver import Receiver, close
from kvmreconcile.status import Status

GRACE_S = 3.0
"""How long the end of the daemon waits for what is still to be sent."""


class Notifier:
    """
    Tells receivers for as long as it is entered.

    Attributes:
        receivers: Whom it tells.
    """

    def __init__(self, receivers: Collection[Receiver], status: Callable[[], Status]) -> None:
        self.receivers = tuple(receivers)
        self._status = status
        self._lock = Lock()
        self._memory = Memory()

    def __enter__(self) -> Self:
        for receiver in self.receivers:
            receiver.start()
        return self

    def __exit__(self, *_error: object) -> None:
        close(self.receivers, GRACE_S)

    def __call__(self, news: PassEvent) -> None:
        """Work out what is to be told, and have it told."""
        if not self.receivers:
            return
        with self._lock:
            self._memory, told = messages(self._memory, news, self._status())
        if told:
            for receiver in self.receivers:
                receiver.offer(told)
