"""
Wait for the signals to stop or to reload, without missing any.

The kernel may deliver a signal to any thread, and a signal that arrives just before a thread waits for a lock does not
wake the thread. A byte in a socket wakes the thread in every case.
"""

import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

ENDED = 0
"""The number that a thread sends when it ends without a signal; no signal has this number."""


class SignalSocket:
    """A socket pair: signals and threads write to one end, the main thread waits at the other."""

    def __init__(self, inside: socket.socket, outside: socket.socket) -> None:
        self._inside = inside
        self._outside = outside

    def send(self, number: int) -> None:
        """Write a number, from any thread."""
        self._outside.send(bytes([number]))

    def wait(self) -> int:
        """Wait for the next number; after one that stops the daemon, another signal ends the process at once."""
        number = self._inside.recv(1)[0]
        if number in (ENDED, *_STOP):
            for each in _STOP:
                signal.signal(each, signal.SIG_DFL)
        return number


RELOAD = signal.SIGHUP
"""The signal that checks for new specs at once (systemd.service(5), ExecReload=)."""
_STOP = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def catch_signals() -> Iterator[SignalSocket]:
    """Catch signals to stop or to reload until the context exits; only the main thread may do this in Python."""
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
    """Replace the default handler, which would end the process."""
