"""
Tell of actions as they happen, on standard error.

Separate from applying, because a terminal is redrawn and a log is only added to.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kvmreconcile.cli.terminal import palette, say
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Result, Settled
from kvmreconcile.plan.render import Palette
from kvmreconcile.plan.render.words import visible

_MARKS = {Result.DONE: ("done", "+"), Result.FAILED: ("FAILED", "-"), Result.SKIPPED: ("skipped", "~")}


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


def told(outcome: Outcome, colours: Palette = Palette.PLAIN) -> str:
    """Return one line about what came of an action."""
    word, sign = _MARKS[outcome.result]
    took = f" ({outcome.took_s:.2f} s)" if outcome.result is not Result.SKIPPED else ""
    why = f": {visible('; '.join(filter(None, outcome.error.splitlines())))}" if outcome.error else ""
    what = f"{visible(outcome.action.verb)} {visible(str(outcome.action.key))}"
    return f"{colours.paint(f'{word:7}', sign)} {what}{took}{why}"


def told_settled(key: Key, settled: Settled) -> str:
    """Return one line about what libvirt keeps otherwise than asked."""
    words = (visible(w) for w in (str(key), settled.path, settled.asked, settled.answered))
    return "settled {}: {} was asked to be {}, and libvirt keeps it as {}".format(*words)


@contextmanager
def reporting() -> Iterator[Reporter]:
    """Report live on a terminal, else line by line."""
    if not sys.stderr.isatty():
        yield LineReporter()
        return
    from kvmreconcile.cli.live import live_reporter  # noqa: PLC0415  loaded only when needed

    with live_reporter(palette(sys.stderr)) as reporter:
        yield reporter
