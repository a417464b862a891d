"""
The interfaces of executors.

A third-party executor (entry-point group `kvmreconcile.executors`) needs only this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Settled, World
from kvmreconcile.state import State


class Executor(Protocol):
    """Executes a plan completely, in part, or not at all."""

    def execute(self, plan: Plan, world: World, /) -> Report:
        """
        Execute the actions of a plan, and return the outcome of each, in the plan's order.

        Each outcome, also that of a skipped action, is passed to the reporter as soon as it is known, for log, history
        and metrics.

        Args:
            world: The world that the plan was made from.

        Raises:
            StateError: The state cannot be written.
        """


class HostConnection(Protocol):
    """The part of a connection that executors use; drivers use the rest."""

    def is_alive(self) -> bool:
        """Return whether the connection still reaches libvirt."""

    def software(self) -> str:
        """Return the versions of libvirt and the hypervisor, "" if unknown."""


class Reporter(Protocol):
    """Receives every step as it happens; calls come from several threads, one at a time."""

    def started(self, action: Action) -> None:
        """Record that an action begins; skipped actions never begin."""

    def finished(self, outcome: Outcome) -> None:
        """Record the outcome of an action; it may be skipped."""

    def settled(self, key: Key, settled: Settled) -> None:
        """Record that libvirt keeps another value than the spec asks for, the first time that it does."""


class SilentReporter:
    """A reporter that ignores everything, for callers that only read the report."""

    def started(self, action: Action) -> None:
        """Do nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Do nothing."""

    def settled(self, key: Key, settled: Settled) -> None:
        """Do nothing."""


def refuse(_plan: Plan) -> bool:
    """Return False: without a terminal no plan can be confirmed."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """
    What is passed to an executor's entry point; each executor uses what it needs.

    Attributes:
        workers: Maximum number of objects that are worked on at the same time.
        approved: Digest of the approved plan, "" for none.
        confirm: Asks the user whether another plan may be executed.
        stopping: Once set, steps that have begun are finished and no further step begins.
    """

    kinds: Mapping[str, Kind]
    connection: HostConnection
    state: State
    reporter: Reporter
    workers: int = 4
    approved: str = ""
    confirm: Callable[[Plan], bool] = refuse
    stopping: Event = field(default_factory=Event)


Make = Callable[[Tools], Executor]
"""The type of an entry point of the group `kvmreconcile.executors`."""
