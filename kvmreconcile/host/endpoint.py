"""
Define endpoints: the interfaces through which the objects of kinds are observed and changed.

libvirt is one endpoint. Another package can add others (entry-point group `kvmreconcile.endpoints`). An endpoint that is
down makes the objects of its kinds unobservable, and does not affect the objects of other kinds.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kvmreconcile.errors import Unavailable
from kvmreconcile.model import Key

LIBVIRT = "libvirt"
"""The name of the endpoint libvirt."""


class Subscription(Protocol):
    """A subscription to the events of an endpoint."""

    @property
    def unreachable_kinds(self) -> Collection[str]:
        """The kinds whose events the endpoint does not report now, but may report over a new connection."""

    def cancel(self) -> None:
        """End the subscription; raises nothing if the endpoint is down."""


class Endpoint(Protocol):
    """An open connection to an endpoint. Several threads may use it at once."""

    @property
    def uri(self) -> str:
        """The address of the endpoint, for messages."""

    @property
    def lost(self) -> bool:
        """Whether the connection is known to be lost; answered at once, without a call."""

    def is_alive(self) -> bool:
        """Return whether the endpoint answers; once it does not, a new connection is opened."""

    def subscribe(self, trigger: Callable[[Key], None], events: Mapping[str, Any]) -> Subscription:
        """
        Subscribe to the changes of objects.

        Args:
            trigger: Called with the key of each object that may have changed, by any thread. It returns at once.
            events: The kinds whose changes are reported, each with the `events` of its driver.
        """

    def close(self) -> None:
        """Close the connection; a second call does nothing."""


@dataclass(frozen=True, slots=True)
class Down:
    """An endpoint that cannot be reached, and why; it takes the place of the connection."""

    why: str

    def is_alive(self) -> bool:
        """Return False."""
        return False

    def software(self) -> str:
        """Return "", as the versions are unknown."""
        return ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The endpoints of a host, by name."""

    by_name: Mapping[str, Any]

    def of(self, name: str) -> Any:
        """
        Return the connection to an endpoint.

        Raises:
            Unavailable: The endpoint is down, or no installed package has an endpoint of this name.
        """
        if why := self.why_down(name):
            raise Unavailable(why)
        return self.by_name[name]

    def why_down(self, name: str) -> str:
        """Return why an endpoint cannot be used, or "" if it can be used."""
        found = self.by_name.get(name)
        if found is None:
            return f'no installed package has the endpoint "{name}"'
        return found.why if isinstance(found, Down) else ""
