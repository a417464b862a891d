"""Report actions on standard error while they are executed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kvmreconcile.cli.outcomes import outcome_line, settled_line
from kvmreconcile.cli.terminal import palette, say
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled


class LineReporter:
    """Writes one line for each finished action."""

    def started(self, action: Action) -> None:
        """Do nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Write the outcome of an action."""
        say(outcome_line(outcome))

    def settled(self, key: Key, settled: Settled) -> None:
        """Write a value that libvirt stores differently from the spec."""
        say(settled_line(key, settled))


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Yield a reporter that updates lines in place on a terminal, and otherwise only adds lines."""
    if not sys.stderr.isatty():
        yield LineReporter()
        return
    from kvmreconcile.cli.display import live_reporter  # noqa: PLC0415  loaded only when needed

    with live_reporter(palette(sys.stderr)) as reporter:
        yield reporter
