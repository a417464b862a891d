"""
What an executor is and what it is given.

Separate from the executors, so that one of a third party (entry-point group `kvmreconcile.executors`) needs
nothing but this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Settled, World
from kvmreconcile.state import State


class Executor(Protocol):
    """Does what a plan says, or some of it, or nothing."""

    def execute(self, plan: Plan, world: World, /) -> Report:
        """
        Do the actions of a plan and say what came of each, in the plan's order.

        Each outcome, of a skipped action too, is told to the reporter as soon as it is known: log, history and
        metrics learn of it there.

        Args:
            world: What the plan was made from.

        Raises:
            StateError: What was done cannot be remembered.
        """


class Connection(Protocol):
    """What an executor itself asks of a connection; drivers use the rest."""

    def is_alive(self) -> bool:
        """Tell whether libvirt can still be reached by it."""

    def software(self) -> str:
        """Return the versions of libvirt and the hypervisor, "" where they are not known."""


class Reporter(Protocol):
    """Is told of every step as it happens; never twice at once, though from several threads."""

    def started(self, action: Action) -> None:
        """Take note that an action begins; one that is skipped never does."""

    def finished(self, outcome: Outcome) -> None:
        """Take note of what came of an action, or that it is skipped."""

    def settled(self, key: Key, settled: Settled) -> None:
        """Take note that libvirt keeps something otherwise than asked, the first time it does."""


class SilentReporter:
    """A reporter for those who read the report alone."""

    def started(self, action: Action) -> None:
        """Ignore it."""

    def finished(self, outcome: Outcome) -> None:
        """Ignore it."""

    def settled(self, key: Key, settled: Settled) -> None:
        """Ignore it."""


def refuse(_plan: Plan) -> bool:
    """Confirm nothing: for where nobody can be asked."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """
    All that an executor chosen by name may need; each takes what it wants.

    Attributes:
        workers: How many actions may be under way at once.
        approved: Digest of the plan that may be executed without asking, "" for none.
        confirm: Asks whether any other plan may.
        stopping: Once set, what is under way is ended and nothing more is begun.
    """

    kinds: Mapping[str, Kind]
    connection: Connection
    state: State
    reporter: Reporter
    workers: int = 4
    approved: str = ""
    confirm: Callable[[Plan], bool] = refuse
    stopping: Event = field(default_factory=Event)


Make = Callable[[Tools], Executor]
"""What an entry point of the group `kvmreconcile.executors` holds."""
