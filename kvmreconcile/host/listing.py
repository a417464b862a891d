"""
Observe all objects of a kind with the flags active, autostart and persistent.

These kinds are domains, networks and pools. If a list cannot be read, the whole kind is
unobservable. If an object cannot be read, that object is unknown. An object is absent only if
libvirt reports it as not found.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from kvmreconcile.errors import HostError, NotFound, Unavailable, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable


class Handle(Protocol):
    """A libvirt object of any kind."""

    def name(self) -> str:
        """Return the object's name, without a call to libvirt."""

    def isActive(self) -> int:  # noqa: N802  libvirt's name
        """Return whether the object is active."""

    def autostart(self) -> int:
        """Return whether the object is started with the host."""

    def isPersistent(self) -> int:  # noqa: N802  libvirt's name
        """Return whether the object's definition is kept when the object stops."""


H = TypeVar("H", bound=Handle)
FEW = 32
"""
Maximum number of objects that are looked up one by one.

All lists of 1,000 domains take as long as 50 lookups.
"""


@dataclass(frozen=True, slots=True)
class Flags:
    """
    Flags of one object.

    The flags come from lists, so that each object needs no calls of its own.

    Attributes:
        more: The names of the object's other flags, as in `Filters.more`.
    """

    active: bool
    autostart: bool
    persistent: bool
    more: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """
    libvirt's flags that limit a list to active, autostarted or persistent objects.

    Attributes:
        more: Flags that only some kinds have, by a name that the kind chooses.
    """

    active: int
    autostart: int
    persistent: int
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calls(Generic[H]):
    """
    libvirt's functions for the objects of a kind.

    Attributes:
        listed: Lists the objects that match a flag of `Filters`; 0 lists all objects.
        lookup: Looks up one object by name.
        read: Reads one object; raises NotFound or libvirt's error if the object has vanished.
        more: Functions that return the other flags of an object, by the names in `Filters.more`.
    """

    listed: Callable[[int], Iterable[H]]
    lookup: Callable[[str], H]
    read: Callable[[Key, H, Flags], Actual]
    more: Mapping[str, Callable[[H], int]] = field(default_factory=dict)


def _read_named(kind: str, calls: Calls[H], names: Iterable[str]) -> Observation:
    """
    Look up and read each object by name.

    For a few names, this is faster than reading lists of thousands of objects.
    """
    objects: dict[Key, Actual | Unknown] = {}
    for name in names:
        key = Key(kind, name)
        try:
            with translated(str(key)):
                handle = calls.lookup(name)
                active, autostart, persistent = handle.isActive(), handle.autostart(), handle.isPersistent()
                more = frozenset(word for word, ask in calls.more.items() if ask(handle))
                flags = Flags(bool(active), bool(autostart), bool(persistent), more)
                objects[key] = calls.read(key, handle, flags)
        except NotFound:
            continue
        except Unavailable as error:
            return Observation(unobservable=(as_unobservable(f"{kind}/", error),))
        except HostError as error:
            objects[key] = Unknown(key, str(error))
    return Observation(objects)


def are_few(names: Collection[str] | None) -> bool:
    """
    Return whether objects are looked up one by one.

    Args:
        names: The names of the objects; None means all objects.
    """
    return names is not None and len(names) <= FEW


def observe_kind(kind: str, calls: Calls[H], filters: Filters, names: Collection[str] | None) -> Observation:
    """Return the objects of a kind that have the given names; None means all objects."""
    if names is not None and are_few(names):
        return _read_named(kind, calls, names)
    listed = calls.listed
    try:
        with translated(kind):
            handles = list(listed(0))
            active = {handle.name() for handle in listed(filters.active)}
            autostart = {handle.name() for handle in listed(filters.autostart)}
            persistent = {handle.name() for handle in listed(filters.persistent)}
            more = {word: {h.name() for h in listed(number)} for word, number in filters.more.items()}
    except HostError as error:
        return Observation(unobservable=(as_unobservable(f"{kind}/", error),))
    objects: dict[Key, Actual | Unknown] = {}
    for handle in handles:
        name = handle.name()
        if names is not None and name not in names:
            continue
        key = Key(kind, name)
        try:
            with translated(str(key)):
                words = frozenset(word for word, names_with_it in more.items() if name in names_with_it)
                flags = Flags(name in active, name in autostart, name in persistent, words)
                objects[key] = calls.read(key, handle, flags)
        except NotFound:
            continue
        except HostError as error:
            objects[key] = Unknown(key, str(error))
    return Observation(objects)


def as_unobservable(prefix: str, error: HostError) -> Unobservable:
    """
    Return the part of the host that could not be listed because of an error.

    Args:
        prefix: The beginning of the keys of all objects in that part, such as "Domain/".
    """
    return Unobservable(
        prefix,
        str(error),
        lost=isinstance(error, Unavailable),
        unsupported=isinstance(error, Unsupported),
    )
