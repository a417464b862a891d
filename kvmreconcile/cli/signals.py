"""
Answer Ctrl-C and SIGTERM: say at once what is waited for, end between two steps, or leave in the middle of one.

The main thread may be blocked in a call of libvirt or SQLite, where Python runs no signal handler. So the interpreter's
C handler writes the signal's number into a pipe, and a thread of its own answers (signal.set_wakeup_fd). Of ours this
imports next to nothing, as it must be in force before the rest of the command line is loaded.
"""

import atexit
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Lock, Thread
from typing import NoReturn

from kvmreconcile.system.children import end_children

_STOP = (signal.SIGINT, signal.SIGTERM)
_WRITE_S = 0.1
"""How long a message may take: a terminal that is stopped (Ctrl-S), or a full pipe, takes none."""
_CLEAN_UP_S = 0.3
"""How long the removal of temporary files may take."""
_SHOW_CURSOR = "\x1b[?25h"
_AGAIN = (
    "Another Ctrl-C or SIGTERM ends the command at once: what is under way is left as it is, "
    "and a later run can complete it."
)
_LEFT = "stopped; what was under way is left as it is, and a later run can complete it"


class Interruption:
    """
    What a signal to stop does to the command, which is one for each process.

    Where nothing is being changed the first signal ends the process. Where something is, the first one lets the steps
    under way come to their end, and the second one ends the process. To end it is safe at any moment: all that
    commands do withstands `kill -9`.

    Attributes:
        stopping: Set by the first signal that does not end the process: no further step may begin.
        status: Exit status of a command that a signal has stopped; 0 if none has.
        remark: What to add to "stopped" when the process ends while nothing is being changed.
    """

    def __init__(self) -> None:
        self.stopping = Event()
        self.status = 0
        self.remark = "nothing was changed"
        self._waits_for: Callable[[], str] | None = None
        # Whoever decides that the process ends keeps it for good.
        self._deciding = Lock()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take over the signals to stop, for the rest of the process; of the main thread alone, as Python has it."""
        inside, outside = os.pipe()
        os.set_blocking(outside, False)
        signal.set_wakeup_fd(outside, warn_on_full_buffer=False)
        for number in _STOP:
            # A shell starts commands in the background with SIGINT ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, _do_nothing)
        Thread(target=self._answer_all, args=(inside,), name="interruption", daemon=True).start()
        try:
            yield
        finally:
            # The exit status is that of the signal, even if the command ends while the process is being ended.
            with self._deciding:
                pass

    @contextmanager
    def working(self, waits_for: Callable[[], str]) -> Iterator[None]:
        """
        Have the first signal wait for the end of a block, in which something is changed.

        Args:
            waits_for: Returns what the block waits for now, and how long at most, one thing a line. Another thread
                calls it.
        """
        with self._deciding:
            self._waits_for = waits_for
        try:
            yield
        finally:
            with self._deciding:
                self._waits_for = None
                self.remark = "no step was under way"

    def _answer_all(self, inside: int) -> None:
        while True:
            for number in os.read(inside, 64):
                if number in _STOP:
                    self._answer(number)

    def _answer(self, number: int) -> None:
        self._deciding.acquire()
        waits_for, status = self._waits_for, 128 + number
        if self.stopping.is_set():
            _leave(_LEFT, status)
        if waits_for is None:
            _leave("; ".join(filter(None, ("stopped", self.remark))), status)
        self.status = status
        self.stopping.set()
        self._deciding.release()
        _say(f"stopping; no further step is begun. Waiting for:\n{waits_for()}\n{_AGAIN}")


interruption = Interruption()
"""The one of this process; without `watching` it does nothing."""


def _leave(text: str, status: int) -> NoReturn:
    """End the process, whatever its other threads are blocked in."""
    try:
        terminal = _muted()
        if terminal is not None:
            # Below what is shown of the steps under way, with the cursor that was hidden for that.
            start = f"{_SHOW_CURSOR}\n" if os.isatty(terminal) else ""
            _within(_WRITE_S, lambda: os.write(terminal, f"{start}kvmreconcile: {text}\n".encode()))
        # Temporary files are removed there.
        _within(_CLEAN_UP_S, atexit._run_exitfuncs)  # noqa: SLF001  the only way to call them from here
        end_children()
    finally:
        os._exit(status)


def _muted() -> int | None:
    """
    Return another descriptor of standard error, None if there is none, and have nothing else printed any more.

    The other threads run on until the process has ended, and see the programs end that they wait for.
    """
    terminal = os.dup(sys.__stderr__.fileno()) if sys.__stderr__ else None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream:
            os.dup2(nowhere, stream.fileno())
    return terminal


def _say(text: str) -> None:
    """Print a message, below the "^C" that a terminal shows; where steps are shown as they go on, above them."""
    stream = sys.stderr
    if stream:
        start = "\n" if stream.isatty() else ""
        _within(_WRITE_S, lambda: stream.write(f"{start}kvmreconcile: {text}\n"))


def _within(seconds: float, call: Callable[[], object]) -> None:
    """Call a function, and wait so long for its end; not at all where no thread can be started."""

    def quietly() -> None:
        with suppress(OSError, ValueError):
            call()

    caller = Thread(target=quietly, daemon=True)
    with suppress(RuntimeError):
        caller.start()
        caller.join(seconds)


def _do_nothing(_number: int, _frame: object) -> None:
    """Be there, so that the default does not end the process."""
