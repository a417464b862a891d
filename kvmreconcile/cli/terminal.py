"""
Print: results to standard output, everything else to standard error.

Colour, and control characters that a terminal must not be sent, are handled here only.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from kvmreconcile.errors import Problem
from kvmreconcile.render import Palette
from kvmreconcile.system.printable import visible

PROGRESS_INTERVAL_S = 10.0
"""How often progress is printed where it cannot be shown in place."""


def show(text: str) -> None:
    """Print a result, its last line ended."""
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message, every line of it harmless."""
    sys.stderr.write("".join(f"{visible(line)}\n" for line in text.splitlines()))
    sys.stderr.flush()


def complain(problems: Iterable[Problem]) -> None:
    """Print what must be mended, one problem a line."""
    for problem in problems:
        say(str(problem).replace("\n", " "))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Show lines of progress in one line of a terminal, cut to its width; elsewhere, such as in a log, one every few seconds."""
    is_terminal, last_s = sys.stderr.isatty(), time.monotonic()

    def report(line: str) -> None:
        nonlocal last_s
        if is_terminal:
            sys.stderr.write(f"\r\x1b[K{visible(line)[: _columns() - 1]}")
            sys.stderr.flush()
        elif time.monotonic() - last_s >= PROGRESS_INTERVAL_S:
            last_s = time.monotonic()
            say(line)

    try:
        yield report
    finally:
        if is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _columns() -> int:
    # A terminal that does not know its width says 0.
    return os.get_terminal_size(sys.stderr.fileno()).columns or 80


def warn(notes: Iterable[Problem]) -> None:
    """Print what may be a mistake, one warning a line."""
    for each in notes:
        say(f"warning: {each}".replace("\n", " "))


def counted(number: int, noun: str) -> str:
    """Return a number of things, such as "1 file"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def palette(stream: TextIO) -> Palette:
    """Return colours for a terminal that has not been told to go without (https://no-color.org)."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Palette.ANSI if stream.isatty() and not is_plain else Palette.PLAIN


def can_ask() -> bool:
    """Tell whether somebody is there to answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask for yes or no; anything but yes is no."""
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
