"""Read the output of a program, up to a maximum size and time."""

import os
import subprocess
import time
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector

_PART = 1 << 16


class TooLongError(Exception):
    """A program printed more than the maximum size."""


def read_answers(process: "subprocess.Popen[bytes]", most: int, within_s: float) -> tuple[str, str]:
    """
    Wait until a program has ended, and return its standard output and standard error.

    Args:
        most: Maximum size in bytes.

    Raises:
        TooLongError: The program printed more.
        TimeoutError: The program did not end in time.
    """
    deadline_s = time.monotonic() + within_s
    printed = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe}
    with DefaultSelector() as selector:
        for descriptor in printed:
            selector.register(descriptor, EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(deadline_s - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                part = os.read(key.fd, _PART)
                printed[key.fd] += part
                if not part:
                    selector.unregister(key.fd)
            if sum(map(len, printed.values())) > most:
                raise TooLongError
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(deadline_s - time.monotonic(), 0))
        out, err = (bytes(each).decode(errors="replace") for each in printed.values())
        return out, err
    raise TimeoutError
