"""
Wait for a signal to stop or to look, without ever missing one.

Separate because it is Unix's business: the kernel may hand a signal to any thread, and one that arrives just
before a thread falls asleep on a lock does not wake it. A byte in a socket does, whoever wrote it and when.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

ENDED = 0
"""What is rung by a thread that has ended by itself; no signal has this number."""


class Waiting:
    """The two ends of a socket: one is rung, the other waited at."""

    def __init__(self, inside: socket.socket, outside: socket.socket) -> None:
        self._inside = inside
        self._outside = outside

    def ring(self, number: int) -> None:
        """Write a number into it, from any thread."""
        self._outside.send(bytes([number]))

    def wait(self) -> int:
        """Return the next number; after one that means to stop, another signal ends the process at once."""
        number = self._inside.recv(1)[0]
        if number in (ENDED, *_STOP):
            for each in _STOP:
                signal.signal(each, signal.SIG_DFL)
        return number


RELOAD = signal.SIGHUP
"""What asks to look for news at once (systemd.service(5), ExecReload=)."""
_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def signals() -> Iterator[Waiting]:
    """Catch signals to stop or to look until the block ends; for the main thread alone, as Python has it."""
    inside, outside = socket.socketpair()
    outside.setblocking(False)
    with closing(inside), closing(outside):
        # Python writes the number of each signal that it has a handler for.
        woken_before = signal.set_wakeup_fd(outside.fileno())
        before = {number: signal.signal(number, _do_nothing) for number in (RELOAD, *_STOP)}
        try:
            yield Waiting(inside, outside)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken_before)


def _do_nothing(_number: int, _frame: object) -> None:
    """Be there, so that the default does not end the process."""
