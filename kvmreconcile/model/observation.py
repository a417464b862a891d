"""Define what was observed of a host: objects, and parts that could not be observed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model.objects import Actual, Key


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object that may or may not exist, as libvirt could not be asked; it does not count as absent."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Unobservable:
    """
    A part of the host that could not be listed.

    Attributes:
        prefix: Every key that starts with this ("Volume/", "Volume/default/") is unknown.
        until: The object that must be active first; None if no action would help.
        lost: Whether only a new connection may reach that part.
        unsupported: Whether libvirt does not support such objects here, so that there are none.
    """

    prefix: str
    why: str
    until: Key | None = None
    lost: bool = False
    unsupported: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """All observed objects, and the parts of the host that could not be observed."""

    objects: Mapping[Key, Actual | Unknown] = field(default_factory=dict)
    unobservable: tuple[Unobservable, ...] = ()

    def actual(self, key: Key) -> Actual | None:
        """Return an object as observed, None if it is absent or unknown."""
        seen = self.objects.get(key)
        return seen if isinstance(seen, Actual) else None

    def unobservable_part(self, key: Key) -> Unobservable | None:
        """Return the unobservable part of the host that an object belongs to, None for none."""
        return next(
            (unobservable for unobservable in self.unobservable if str(key).startswith(unobservable.prefix)),
            None,
        )

    def is_active(self, key: Key) -> bool:
        """Return whether an object was observed as active."""
        actual = self.actual(key)
        return actual is not None and actual.active
