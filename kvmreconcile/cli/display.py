"""
Show the running actions on a terminal, with the time that each has taken so far.

Only this module imports Rich, because the import takes longer than all other imports of `apply`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from kvmreconcile.cli.outcomes import outcome_line, settled_line
from kvmreconcile.execute.executor import Reporter
from kvmreconcile.model import Action, Key, Outcome, Settled
from kvmreconcile.render import Palette
from kvmreconcile.system.printable import visible


class LiveReporter:
    """Shows a line for each running action below the lines of the finished actions."""

    def __init__(self, progress: Progress, colours: Palette) -> None:
        self._progress = progress
        self._colours = colours
        self._tasks: dict[tuple[Key, str], TaskID] = {}

    def started(self, action: Action) -> None:
        """Add a line for an action."""
        what = f"{visible(action.verb.name)} {visible(str(action.key))}"
        self._tasks[action.key, action.verb.name] = self._progress.add_task(what, total=None)

    def finished(self, outcome: Outcome) -> None:
        """Replace the line of an action with its outcome."""
        task = self._tasks.pop((outcome.action.key, outcome.action.verb.name), None)
        if task is not None:
            self._progress.remove_task(task)
        self._print(outcome_line(outcome, self._colours))

    def settled(self, key: Key, settled: Settled) -> None:
        """Print a value that libvirt stores differently from the spec."""
        self._print(settled_line(key, settled))

    def _print(self, line: str) -> None:
        self._progress.console.print(Text.from_ansi(line), soft_wrap=True)


@contextmanager
def live_reporter(colours: Palette) -> Iterator[Reporter]:
    """Yield a reporter that shows the running actions until the context exits."""
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        yield LiveReporter(progress, colours)
