"""Read the output of a program, up to a maximum size and time."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO

_PART = 1 << 16
_KEPT = 1 << 16
"""How much of standard error is kept of a program that is watched: the end, where it says why it failed."""
_MOST_WATCHED = 8 << 20
"""How much a program that is watched may print on standard error: git prints hours of progress in less."""
_GLANCE_S = 0.5
Watch = Callable[[str], bool]


class TooLongError(Exception):
    """
    A program printed more than the maximum size; the text says how much that is, and of what.

    Args:
        most: The maximum size in bytes.
        of: " of messages" for standard error of a program that is watched, "" for all output.
    """

    def __init__(self, most: int, of: str = "") -> None:
        super().__init__(f"more than {most >> 20} MiB{of}")


def read_answers(
    process: "subprocess.Popen[bytes]", most: int, within_s: float, watch: Watch | None = None
) -> tuple[bytes, bytes]:
    """
    Wait until a program has ended, and return its standard output and standard error.

    Args:
        most: Maximum size in bytes.
        within_s: How long it may take; of a program that is watched, how long it may make no progress.
        watch: Called with what the program prints on standard error, "" if nothing new, at least once a second. It tells
            whether the program makes progress. What it raises is raised.

    Raises:
        TooLongError: The program printed more.
        TimeoutError: The program did not end in time.
    """
    reading = _Reading(process, most, within_s, watch)
    reading.read()
    with suppress(subprocess.TimeoutExpired):
        process.wait(reading.left_s)
        return reading.printed(process.stdout), reading.printed(process.stderr)
    raise TimeoutError


class _Reading:
    """What a program has printed so far."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", most: int, within_s: float, watch: Watch | None
    ) -> None:
        self._printed = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe}
        self._watched = process.stderr.fileno() if process.stderr and watch else -1
        self._most, self._within_s, self._watch = most, within_s, watch
        self._watched_bytes = 0
        self._deadline_s = time.monotonic() + within_s

    @property
    def left_s(self) -> float:
        """How much time is left."""
        return max(self._deadline_s - time.monotonic(), 0)

    def read(self) -> None:
        """Read until the program has closed its pipes."""
        with DefaultSelector() as selector:
            for descriptor in self._printed:
                selector.register(descriptor, EVENT_READ)
            while selector.get_map():
                ready = selector.select(min(self.left_s, _GLANCE_S) if self._watch else self.left_s)
                if not ready:
                    self._look("")
                if not ready and not self.left_s:
                    raise TimeoutError
                for key, _ in ready:
                    if not self._take(key.fd, os.read(key.fd, _PART)):
                        selector.unregister(key.fd)

    def _take(self, descriptor: int, part: bytes) -> bool:
        """Keep what was read; tell whether there may be more."""
        self._printed[descriptor] += part
        if descriptor == self._watched:
            self._watched_bytes += len(part)
            del self._printed[descriptor][:-_KEPT]
            self._look(part.decode(errors="replace"))
        if self._watched_bytes > _MOST_WATCHED:
            raise TooLongError(_MOST_WATCHED, " of messages")
        if sum(map(len, self._printed.values())) > self._most:
            raise TooLongError(self._most)
        return bool(part)

    def _look(self, part: str) -> None:
        """Have the watch see what was printed, and count the time anew if there is progress."""
        if self._watch and self._watch(part):
            self._deadline_s = time.monotonic() + self._within_s

    def printed(self, pipe: IO[bytes] | None) -> bytes:
        """Return what was read from a pipe."""
        return bytes(self._printed[pipe.fileno()]) if pipe else b""
