"""Measure facts about the host, each at an interval, and keep the last values until they are too old."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kvmreconcile.errors import HostError
from kvmreconcile.model import Fact, Facts
from kvmreconcile.session.libvirt_access import LibvirtAccess


@dataclass(frozen=True, slots=True)
class _Measured:
    """
    How a fact is measured.

    Attributes:
        every_s: Its age in seconds at which it is measured again.
        valid_s: Its age in seconds at which it becomes unknown.
        measure: Measures it over a connection. Raises HostError if that fails.
    """

    every_s: float
    valid_s: float
    measure: Callable[[Any], Any]


_MEASURED = {
    "host_id": _Measured(60.0, 300.0, lambda connection: connection.identify()),
    "software": _Measured(60.0, 300.0, lambda connection: connection.software()),
    "capacity": _Measured(60.0, 300.0, lambda connection: connection.capacity()),
    "capabilities": _Measured(600.0, 3600.0, lambda connection: connection.capabilities()),
}
"""The facts, by their names in `Facts`."""


@dataclass(slots=True)
class HostFacts:
    """The facts about the host of one connection."""

    access: LibvirtAccess
    _known: Facts = field(default_factory=Facts)

    def at(self, now: datetime) -> Facts:
        """Return the facts at a time; those that are too old or cannot be measured are unknown."""
        changes: dict[str, Any] = {"now": now}
        for name, measured in _MEASURED.items():
            known: Fact[Any] | None = getattr(self._known, name)
            if known is None or (now - known.at).total_seconds() >= measured.every_s:
                changes[name] = self._measure(measured, now) or known
        self._known = replace(self._known, **changes)
        return self._known

    def _measure(self, measured: _Measured, now: datetime) -> Fact[Any] | None:
        if not self.access.is_up:
            return None
        try:
            return Fact(measured.measure(self.access.connection), now, measured.valid_s)
        except HostError:
            return None
