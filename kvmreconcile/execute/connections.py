"""Find the connection with which each object of a plan is changed, and remember which connections were lost."""

from collections.abc import Collection, Mapping
from typing import Any

from kvmreconcile.host.endpoint import Endpoints
from kvmreconcile.kinds.kind import Kind
from kvmreconcile.model import Key


class Connections:
    """The connections that one execution uses; several threads may use this object."""

    def __init__(self, by_name: Mapping[str, Any], kinds: Mapping[str, Kind]) -> None:
        self._endpoints = Endpoints(by_name)
        self._kinds = kinds
        self._lost = set[str]()

    def of(self, key: Key) -> Any:
        """
        Return the connection to the endpoint of an object.

        Raises:
            Unavailable: The endpoint is down.
        """
        return self._endpoints.of(self._name(key))

    def is_alive(self, key: Key) -> bool:
        """Return whether the endpoint of an object answers; if not, remember that its connection was lost."""
        name = self._name(key)
        if not self._endpoints.why_down(name) and self._endpoints.of(name).is_alive():
            return True
        self._lost.add(name)
        return False

    def why_lost(self, keys: Collection[Key]) -> str:
        """Return why objects cannot be changed any more, or "" if no connection to their endpoints was lost."""
        lost = next((name for name in map(self._name, keys) if name in self._lost), None)
        return f"the connection to {lost} was lost" if lost else ""

    def _name(self, key: Key) -> str:
        return self._kinds[key.kind].endpoint
