"""Define the result of observing a host: its objects, and the parts that could not be observed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from kvmreconcile.model.objects import Actual, Key


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object that may or may not exist because libvirt could not read it. It does not count as absent."""

    key: Key
    why: str


@dataclass(frozen=True, slots=True)
class Unobservable:
    """
    A part of the host that could not be listed.

    Attributes:
        prefix: The start of the keys of all unobservable objects, such as "Volume/" or "Volume/default/".
        until: The object that must become active before the part can be listed; None if no action would
            help.
        lost: Whether the connection to libvirt was lost, so that a new one is needed.
        unsupported: Whether libvirt does not support these objects on this host, so that none exist.
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
        """Return an observed object; None if it is absent or unknown."""
        seen = self.objects.get(key)
        return seen if isinstance(seen, Actual) else None

    def unobservable_part(self, key: Key) -> Unobservable | None:
        """Return the unobservable part of the host that contains an object; None if there is none."""
        return next(
            (unobservable for unobservable in self.unobservable if str(key).startswith(unobservable.prefix)),
            None,
        )

    def is_active(self, key: Key) -> bool:
        """Return whether an object was active when it was observed."""
        actual = self.actual(key)
        return actual is not None and actual.active
