"""
Observe all objects of a kind that can be active, autostarted and persistent: domains, networks, pools.

If a list fails, the kind is unobservable; if reading an object fails, the object is unknown. Only an object that libvirt
reports as not found is absent.
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
        """Return whether it is active."""

    def autostart(self) -> int:
        """Return whether it is started with the host."""

    def isPersistent(self) -> int:  # noqa: N802  libvirt's name
        """Return whether its definition stays when it stops."""


H = TypeVar("H", bound=Handle)
FEW = 32
"""Maximum number of objects that are looked up one by one: all lists of 1,000 domains take as long as 50 lookups."""


@dataclass(frozen=True, slots=True)
class Flags:
    """Flags of one object, from lists, so that no call for each object is needed."""

    active: bool
    autostart: bool
    persistent: bool
    more: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """
    libvirt's flags that limit a list to active, autostarted or persistent objects.

    `more` are flags that only some kinds have, by a name that the kind chooses.
    """

    active: int
    autostart: int
    persistent: int
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calls(Generic[H]):
    """
    libvirt's calls for objects of a kind.

    Attributes:
        listed: Lists objects by a flag of `Filters`; 0 lists all.
        lookup: Looks one object up by its name.
        read: Reads one object; raises NotFound or libvirt's error if it has vanished.
        more: Calls that return the further flags of one object, by the names in `Filters.more`.
    """

    listed: Callable[[int], Iterable[H]]
    lookup: Callable[[str], H]
    read: Callable[[Key, H, Flags], Actual]
    more: Mapping[str, Callable[[H], int]] = field(default_factory=dict)


def _read_named(kind: str, calls: Calls[H], names: Iterable[str]) -> Observation:
    """Return the objects of a few names, by a few calls each; lists of thousands of objects would take longer."""
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
    """Return whether objects are looked up one by one; None means all objects."""
    return names is not None and len(names) <= FEW


def observe_kind(kind: str, calls: Calls[H], filters: Filters, names: Collection[str] | None) -> Observation:
    """Return the objects of a kind that have these names, None for all."""
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
    """Return the part of the host that could not be listed because of an error."""
    return Unobservable(
        prefix,
        str(error),
        lost=isinstance(error, Unavailable),
        unsupported=isinstance(error, Unsupported),
    )
