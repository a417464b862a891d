"""
Handle Ctrl-C and SIGTERM: report what the command is waiting for, stop after the running step, or exit at once.

The main thread may be blocked in a call to libvirt or SQLite, where Python runs no signal handler. Therefore the C
handler of the interpreter writes the signal number to a pipe (signal.set_wakeup_fd), and a thread reads the pipe. This
module imports very little, because it must handle signals before the rest of the command line is loaded.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import NoReturn

from kvmreconcile.system.child_processes import end_children

_STOP = (signal.SIGINT, signal.SIGTERM)
_WRITE_S = 0.1
"""How long writing a message may take: a stopped terminal (Ctrl-S) or a full pipe blocks the write."""
_CLEAN_UP_S = 0.3
"""How long the removal of temporary files may take."""
_SHOW_CURSOR = "\x1b[?25h"
_AGAIN = (
    "Another Ctrl-C or SIGTERM ends the command at once: running steps are left incomplete, "
    "and a later run can complete them."
)
_ABORTED = "stopped; running steps were left incomplete, and a later run can complete them"


class Interruption:
    """
    Handles the signals that stop a command; each process has one instance.

    While nothing is being changed, the first signal ends the process. While something is being changed, the first
    signal lets the running steps finish, and the second signal ends the process. The process can safely be ended at
    any time, even with `kill -9`.

    Attributes:
        stopping: Set by the first signal that does not end the process. No further step may start then.
        status: Exit status of a command that was stopped by a signal; 0 before the first signal.
        remark: Text that is printed after "stopped" if the process ends while nothing is being changed.
    """

    def __init__(self) -> None:
        self.stopping = Event()
        self.status = 0
        self.remark = "nothing was changed"
        self._waits_for: Callable[[], str] | None = None
        # The thread that decides to end the process never releases this lock.
        self._deciding = Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the stop signals for the rest of the process; only the main thread may call this."""
        inside, outside = os.pipe()
        os.set_blocking(outside, False)
        signal.set_wakeup_fd(outside, warn_on_full_buffer=False)
        for number in _STOP:
            # A shell starts commands in the background with SIGINT ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _do_nothing)
        Thread(target=self._handle_all, args=(inside,), name="interruption", daemon=True).start()
        try:
            yield
        finally:
            # The exit status is that of the signal, even if the command returns while the process is being ended.
            with self._deciding:
                pass

    @contextmanager
    def working(self, waits_for: Callable[[], str]) -> Iterator[None]:
        """
        Mark a block that changes something: the first signal does not end the process before the block ends.

        Args:
            waits_for: Returns the things that the block waits for, one per line, each with its time limit. This
                function is called in another thread.
        """
        with self._deciding:
            self._waits_for = waits_for
        try:
            yield
        finally:
            with self._deciding:
                self._waits_for = None
                self.remark = "no step was running"

    def _handle_all(self, inside: int) -> None:
        while True:
            for number in os.read(inside, 64):
                if number in _STOP:
                    self._handle(number)

    def _handle(self, number: int) -> None:
        self._deciding.acquire()
        waits_for, status = self._waits_for, 128 + number
        if self.stopping.is_set():
            _exit(_ABORTED, status)
        if waits_for is None:
            _exit("; ".join(filter(None, ("stopped", self.remark))), status)
        self.status = status
        self.stopping.set()
        self._deciding.release()
        _say(f"stopping; no further step is started. Waiting for:\n{waits_for()}\n{_AGAIN}")


interruption = Interruption()
"""The instance of this process; without `watching` it does nothing."""


def _exit(text: str, status: int) -> NoReturn:
    """End the process, even if its other threads are blocked."""
    try:
        terminal = _mute()
        if terminal is not None:
            # Below the lines of running steps, which hide the cursor.
            start = f"{_SHOW_CURSOR}\n" if os.isatty(terminal) else ""
            _within(_WRITE_S, lambda: os.write(terminal, f"{start}kvmreconcile: {text}\n".encode()))
        # These functions remove temporary files.
        _within(_CLEAN_UP_S, atexit._run_exitfuncs)  # noqa: SLF001  the only way to call them from here
        end_children()
    finally:
        os._exit(status)


def _mute() -> int | None:
    """
    Discard all further output, and return a new descriptor of standard error, or None if it is closed.

    Other threads run until the process has ended. Without this, they would report that their child processes ended.
    """
    terminal = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ else None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream:
            os.dup2(nowhere, stream.fileno())
    return terminal


def _say(text: str) -> None:
    """Print a message. On a terminal, print it below the "^C" and above the lines of running steps."""
    stream = sys.stderr
    if stream:
        start = "\n" if stream.isatty() else ""
        _within(_WRITE_S, lambda: stream.write(f"{start}kvmreconcile: {text}\n"))


def _within(seconds: float, call: Callable[[], object]) -> None:
    """
    Call a function in a thread, and wait for its end, at most `seconds`.

    If no thread can be started, the function is not called.
    """

    def quietly() -> None:
        with suppress(OSError, ValueError):
            call()

    caller = Thread(target=quietly, daemon=True)
    with suppress(RuntimeError):
        caller.start()
        caller.join(seconds)


def _do_nothing(_number: int, _frame: object) -> None:
    """Do nothing; replaces the default handler, which would end the process."""
