"""Interfaces of a kind's driver. Only drivers call libvirt."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

from kvmreconcile.model import Action, Observation


class Driver(Protocol):
    """Observes and changes the objects of a kind. Its methods raise no errors other than HostError."""

    def observe(self, connection: Any, names: Collection[str] | None = None) -> Observation:
        """
        Read all objects of the kind, or the objects with the given names.

        Names that do not exist are missing in the result.
        """

    def perform(self, connection: Any, action: Action) -> None:
        """
        Execute one action.

        The call can be repeated: it is not an error if the object is already changed.
        """


@runtime_checkable
class Refreshing(Protocol):
    """
    A driver of a kind whose objects libvirt lists from a cache.

    The objects are in stores, such as volumes in pools. The methods raise no errors.
    """

    def unlisted(self, connection: Any, names: Collection[str]) -> Mapping[str, Hashable | None]:
        """
        Return the names that libvirt's cached list lacks, each with the state of the object's store.

        Only active stores are checked. The state of a store changes whenever something is added to the
        store; None means unknown.
        """

    def refresh(self, connection: Any, names: Collection[str]) -> Mapping[str, str]:
        """
        Refresh libvirt's lists of the active stores of the given objects.

        Returns the names whose store could not be refreshed, each with the reason.
        """


@runtime_checkable
class Reported(Protocol):
    """A driver of a kind whose changes libvirt reports (`kvmreconcile.host.events.Events`)."""

    events: Any
