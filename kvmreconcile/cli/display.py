"""
Show on a terminal what is under way and for how long.

Separate because it alone needs Rich, whose import takes longer than all else that `apply` loads.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from kvmreconcile.cli.outcomes import told, told_settled
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled
from kvmreconcile.render import Palette
from kvmreconcile.system.printable import visible


class LiveReporter:
    """Keeps a line for every action under way below the lines of those that ended."""

    def __init__(self, progress: Progress, colours: Palette) -> None:
        self._progress = progress
        self._colours = colours
        self._tasks: dict[tuple[Key, str], TaskID] = {}

    def started(self, action: Action) -> None:
        """Add the action's line."""
        what = f"{visible(action.verb.name)} {visible(str(action.key))}"
        self._tasks[action.key, action.verb.name] = self._progress.add_task(what, total=None)

    def finished(self, outcome: Outcome) -> None:
        """Turn the action's line into what came of it."""
        task = self._tasks.pop((outcome.action.key, outcome.action.verb.name), None)
        if task is not None:
            self._progress.remove_task(task)
        self._print(told(outcome, self._colours))

    def settled(self, key: Key, settled: Settled) -> None:
        """Print what libvirt keeps otherwise than asked."""
        self._print(told_settled(key, settled))

    def _print(self, line: str) -> None:
        self._progress.console.print(Text.from_ansi(line), soft_wrap=True)


@contextmanager
def live_reporter(colours: Palette) -> Iterator[Reporter]:
    """Show what is under way until the block ends."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        yield LiveReporter(progress, colours)
