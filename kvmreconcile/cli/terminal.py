"""
Print results to standard output, and everything else to standard error.

This module decides whether output is coloured, and escapes control characters in messages.
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
"""How often progress is printed where one line cannot be updated in place."""


def show(text: str) -> None:
    """Print a result to standard output, with a newline at the end."""
    sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message to standard error, with control characters escaped."""
    sys.stderr.write("".join(f"{visible(line)}\n" for line in text.splitlines()))
    sys.stderr.flush()


def report_problems(problems: Iterable[Problem]) -> None:
    """Print problems, one per line."""
    for problem in problems:
        say(str(problem).replace("\n", " "))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """
    Yield a function that shows progress on standard error.

    On a terminal, it updates one line, which is cut to the terminal's width. Elsewhere, it prints a line every few
    seconds.
    """
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
    # A terminal of unknown width returns 0.
    return os.get_terminal_size(sys.stderr.fileno()).columns or 80


def warn(notes: Iterable[Problem]) -> None:
    """Print warnings, one per line."""
    for each in notes:
        say(f"warning: {each}".replace("\n", " "))


def counted(number: int, noun: str) -> str:
    """Return a count with its noun, such as "1 file"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def palette(stream: TextIO) -> Palette:
    """Return colours for a terminal, unless the user has disabled them (https://no-color.org)."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return Palette.ANSI if stream.isatty() and not is_plain else Palette.PLAIN


def can_ask() -> bool:
    """Return whether the command runs on a terminal, where a user can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> bool:
    """Ask the user a question, and return whether the answer is yes."""
    sys.stderr.write(f"{visible(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
