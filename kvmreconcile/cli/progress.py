"""
Tell of actions as they happen, on standard error.

Separate from applying, because a terminal is redrawn and a log is only added to.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kvmreconcile.cli.outcomes import told, told_settled
from kvmreconcile.cli.terminal import palette, say
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


class LineReporter:
    """Writes one line when an action has ended."""

    def started(self, action: Action) -> None:
        """Write nothing yet."""

    def finished(self, outcome: Outcome) -> None:
        """Write what came of an action."""
        say(told(outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Write what libvirt keeps otherwise than asked."""
        say(told_settled(key, settled))


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Report live on a terminal, else line by line."""
    if not sys.stderr.isatty():
        yield LineReporter()
        return
    from kvmreconcile.cli.display import live_reporter  # noqa: PLC0415  loaded only when needed

    with live_reporter(palette(sys.stderr)) as reporter:
        yield reporter
