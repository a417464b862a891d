"""Interfaces of a kind's driver, the only part of a kind that calls libvirt."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

from kvmreconcile.model import Action, Observation


class Driver(Protocol):
    """Observes and changes the objects of a kind. Raises HostError only."""

    def observe(self, connection: Any, names: Collection[str] | None = None) -> Observation:
        """
        Read all objects of the kind, or those of the given names.

        A name that does not exist is left out of the result.
        """

    def perform(self, connection: Any, action: Action) -> None:
        """Execute one action. It may be repeated: a state that is reached already is no error."""


@runtime_checkable
class Refreshing(Protocol):
    """A driver of a kind whose objects libvirt lists from a cache, by store. Raises nothing."""

    def unlisted(self, connection: Any, names: Collection[str]) -> Mapping[str, Hashable | None]:
        """
        Return the names that are missing in libvirt's list of their active store, each with the state of that store.

        The state changes whenever something is added to the store; None if it is unknown.
        """

    def refresh(self, connection: Any, names: Collection[str]) -> Mapping[str, str]:
        """Refresh the active stores of these names; return the names for which that failed, and why."""


@runtime_checkable
class Reported(Protocol):
    """A driver of a kind whose changes libvirt reports (`kvmreconcile.host.events.Events`)."""

    events: Any
