"""Define facts about the host: values that an observer measured, which become unknown when they are too old."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from kvmreconcile.model.host_id import HostId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """
    A value that was measured.

    Attributes:
        at: When it was measured.
        valid_s: For how long it counts, in seconds.
    """

    value: T
    at: datetime
    valid_s: float

    def value_at(self, now: datetime) -> T | None:
        """Return the value, None if it is too old."""
        return self.value if now - self.at <= timedelta(seconds=self.valid_s) else None


@dataclass(frozen=True, slots=True)
class Capacity:
    """The resources of the host: CPUs that are online, and memory in bytes."""

    cpus: int
    memory: int


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What is known of the host beside its objects; None is unknown.

    Attributes:
        now: The time for which the facts hold.
        host_id: The host that libvirt manages.
        software: The versions of libvirt and the hypervisor, such as "libvirt 9.0.0, QEMU 7.2.22".
        capacity: What the host has, used or not.
        capabilities: libvirt's description of the host as XML (virConnectGetCapabilities).
    """

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    host_id: Fact[HostId] | None = None
    software: Fact[str] | None = None
    capacity: Fact[Capacity] | None = None
    capabilities: Fact[str] | None = None

    def only(self, names: Collection[str]) -> "Facts":
        """Return the facts of these names; all others are unknown."""
        unknown: dict[str, Any] = {f.name: None for f in fields(self) if f.name not in {*names, "now"}}
        return replace(self, **unknown)

    def values(self, names: Iterable[str]) -> tuple[object, ...]:
        """Return the values of facts, None for each that is unknown or too old."""
        facts = (getattr(self, name) for name in sorted(names))
        return tuple(fact.value_at(self.now) if fact else None for fact in facts)
