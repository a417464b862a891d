"""
Wait for the signals that stop or reload the daemon, without missing a signal.

The kernel may deliver a signal to any thread, and a signal that arrives just before a thread waits for a lock does not
wake the thread. Therefore the thread waits for a byte in a socket, which always wakes it.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

ENDED = 0
"""The number that a thread sends when it ends without a signal; no signal has this number."""


class SignalSocket:
    """A socket pair: signals and threads write to one end, and the main thread waits at the other end."""

    def __init__(self, inside: socket.socket, outside: socket.socket) -> None:
        self._inside = inside
        self._outside = outside

    def send(self, number: int) -> None:
        """Write a number; any thread may call this."""
        self._outside.send(bytes([number]))

    def wait(self) -> int:
        """
        Wait for the next number, and return it.

        After a number that stops the daemon, another stop signal ends the process at once.
        """
        number = self._inside.recv(1)[0]
        if number in (ENDED, *_STOP):
            for each in _STOP:
                signal.signal(each, signal.SIG_DFL)
        return number


RELOAD = signal.SIGHUP
"""On this signal, the daemon checks for new specs at once (systemd.service(5), ExecReload=)."""
_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def catch_signals() -> Iterator[SignalSocket]:
    """
    Catch the signals that stop or reload the daemon until the context exits.

    Only the main thread may call this, as Python requires.
    """
    inside, outside = socket.socketpair()
    outside.setblocking(False)
    with closing(inside), closing(outside):
        # Python writes the number of each signal that has a handler.
        woken_before = signal.set_wakeup_fd(outside.fileno())
        before = {number: signal.signal(number, _ignore_signal) for number in (RELOAD, *_STOP)}
        try:
            yield SignalSocket(inside, outside)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(woken_before)


def _ignore_signal(_number: int, _frame: object) -> None:
    """Do nothing; replaces the default handler, which would end the process."""
