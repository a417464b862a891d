"""Read the output of a program, with limits on size and duration."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from typing import IO

_PART = 1 << 16
_KEPT = 1 << 16
"""
Number of bytes to keep from the end of a watched program's standard error.

The end contains the reason of a failure.
"""
_MOST_WATCHED = 8 << 20
"""
Maximum size in bytes of a watched program's standard error.

git prints less in hours of progress.
"""
_CALL_INTERVAL_S = 0.5
"""Seconds between calls of `Watch` while the program prints nothing."""
Watch = Callable[[str], bool]


class TooLongError(Exception):
    """
    A program printed more than the maximum size.

    The error's text names the size and the kind of output.

    Args:
        most: The maximum size in bytes.
        of: " of messages" for the standard error of a watched program, "" for all output.
    """

    def __init__(self, most: int, of: str = "") -> None:
        super().__init__(f"more than {most >> 20} MiB{of}")


def read_answers(
    process: "subprocess.Popen[bytes]", most: int, within_s: float, watch: Watch | None = None
) -> tuple[bytes, bytes]:
    """
    Wait until a program has ended, and return its standard output and standard error.

    Args:
        most: Maximum size of the output in bytes.
        within_s: Maximum run time in seconds. For a watched program, the maximum time without
            progress.
        watch: Called at least once a second with new text on standard error, or "". Returns whether
            the program makes progress. Exceptions are passed on.

    Raises:
        TooLongError: The program printed more than the maximum size.
        TimeoutError: The program did not end in time.
    """
    reading = _Reading(process, most, within_s, watch)
    reading.read()
    with suppress(subprocess.TimeoutExpired):
        process.wait(reading.left_s)
        return reading.printed(process.stdout), reading.printed(process.stderr)
    raise TimeoutError


class _Reading:
    """The output that a program has printed so far."""

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
        """The seconds until the program times out."""
        return max(self._deadline_s - time.monotonic(), 0)

    def read(self) -> None:
        """Read until the program has closed its pipes."""
        with DefaultSelector() as selector:
            for descriptor in self._printed:
                selector.register(descriptor, EVENT_READ)
            while selector.get_map():
                ready = selector.select(min(self.left_s, _CALL_INTERVAL_S) if self._watch else self.left_s)
                if not ready:
                    self._call_watch("")
                if not ready and not self.left_s:
                    raise TimeoutError
                for key, _ in ready:
                    if not self._add(key.fd, os.read(key.fd, _PART)):
                        selector.unregister(key.fd)

    def _add(self, descriptor: int, part: bytes) -> bool:
        """Add output from a pipe, and return whether there may be more."""
        self._printed[descriptor] += part
        if descriptor == self._watched:
            self._watched_bytes += len(part)
            del self._printed[descriptor][:-_KEPT]
            self._call_watch(part.decode(errors="replace"))
        if self._watched_bytes > _MOST_WATCHED:
            raise TooLongError(_MOST_WATCHED, " of messages")
        if sum(map(len, self._printed.values())) > self._most:
            raise TooLongError(self._most)
        return bool(part)

    def _call_watch(self, part: str) -> None:
        """Pass new output to the watch; restart the timeout if there is progress."""
        if self._watch and self._watch(part):
            self._deadline_s = time.monotonic() + self._within_s

    def printed(self, pipe: IO[bytes] | None) -> bytes:
        """Return the output read from a pipe."""
        return bytes(self._printed[pipe.fileno()]) if pipe else b""
