"""
Define the interfaces of executors.

A third-party executor (entry-point group `kvmreconcile.executors`) needs only this module.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Action, Key, Outcome, Plan, Report, Settled, World
from kvmreconcile.state import State


class Executor(Protocol):
    """Executes plans; an implementation may skip some or all actions."""

    def execute(self, plan: Plan, world: World, /) -> Report:
        """
        Execute the actions of a plan, and return the outcome of each action in the plan's order.

        Each outcome is passed to the reporter as soon as it is known, for log, history and metrics.
        This includes the outcomes of skipped actions.

        Args:
            world: The specs, observations and records that the plan was made from.

        Raises:
            StateError: The state cannot be written.
        """


class HostConnection(Protocol):
    """The methods of a connection that executors use; drivers also use others."""

    def is_alive(self) -> bool:
        """Return whether libvirt answers on the connection."""

    def software(self) -> str:
        """Return the versions of libvirt and the hypervisor, or "" if unknown."""


class Reporter(Protocol):
    """
    Receives the beginning and the outcome of every step.

    Several threads call these methods, but only one at a time.
    """

    def started(self, action: Action) -> None:
        """Record that an action begins; not called for skipped actions."""

    def finished(self, outcome: Outcome) -> None:
        """Record the outcome of an action; also called for skipped actions."""

    def settled(self, key: Key, settled: Settled) -> None:
        """
        Record that libvirt keeps a value different from the spec.

        This method is called once for each such value.
        """


class SilentReporter:
    """A reporter that does nothing, for callers that only read the report."""

    def started(self, action: Action) -> None:
        """Do nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Do nothing."""

    def settled(self, key: Key, settled: Settled) -> None:
        """Do nothing."""


def refuse(_plan: Plan) -> bool:
    """Return False: no plan can be confirmed without a terminal."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    """
    The arguments of an executor's entry point.

    Attributes:
        connection: The connection to libvirt.
        others: The connections to other endpoints, by the name of the endpoint.
        workers: Maximum number of objects to work on at the same time.
        approved: The digest of the approved plan, "" for none.
        confirm: Asks the user whether a plan that is not approved may be executed.
        stopping: Once this event is set, running steps are finished and no further step begins.
    """

    kinds: Mapping[str, Kind]
    connection: HostConnection
    state: State
    reporter: Reporter
    workers: int = 4
    approved: str = ""
    confirm: Callable[[Plan], bool] = refuse
    stopping: Event = field(default_factory=Event)
    others: Mapping[str, Any] = field(default_factory=dict)


Make = Callable[[Tools], Executor]
"""The type of entry points in the group `kvmreconcile.executors`."""
