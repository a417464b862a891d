"""
Read all objects of a kind that can be active, autostarted and persistent: domains, networks, pools.

Separate from their drivers because what a failure means must be the same in each: a list that fails leaves the
kind unseen, an object that fails is unknown, and only one that libvirt denies is absent.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from kvmreconcile.errors import HostError, NotFound, Unavailable, Unsupported
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Actual, Key, Observation, Unknown, Unobservable


class Handle(Protocol):
    """libvirt's object of any kind."""

    def name(self) -> str:
        """Return the object's name, which the handle knows without asking."""

    def isActive(self) -> int:  # noqa: N802  libvirt's name
        """Tell whether it is active."""

    def autostart(self) -> int:
        """Tell whether it is started with the host."""

    def isPersistent(self) -> int:  # noqa: N802  libvirt's name
        """Tell whether it outlives its end."""


H = TypeVar("H", bound=Handle)
FEW = 32
"""So many are looked up one by one: of 1,000 domains all lists take as long as 50 look-ups."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What a few lists tell of one object, so that it need not be asked by itself."""

    active: bool
    autostart: bool
    persistent: bool
    more: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Filters:
    """
    libvirt's numbers by which a list holds only the active, autostarted or persistent objects.

    `more` are those of what only some kinds have, by a word of the kind's own.
    """

    active: int
    autostart: int
    persistent: int
    more: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calls(Generic[H]):
    """
    How objects of a kind are found and read.

    Attributes:
        listed: libvirt's call for a list; 0 lists all.
        lookup: libvirt's call for one by its name.
        read: Reads one object; where it vanished meanwhile its error says so.
        more: libvirt's calls that tell of one what the kind's further lists do, by the same words.
    """

    listed: Callable[[int], Iterable[H]]
    lookup: Callable[[str], H]
    read: Callable[[Key, H, Flags], Actual]
    more: Mapping[str, Callable[[H], int]] = field(default_factory=dict)


def _read_named(kind: str, calls: Calls[H], names: Iterable[str]) -> Observation:
    """Return the objects of a few names. Each costs some calls, and a list of thousands far more."""
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
    """Tell whether objects are looked up one by one; None is all there are."""
    return names is not None and len(names) <= FEW


def observe_kind(kind: str, calls: Calls[H], filters: Filters, names: Collection[str] | None) -> Observation:
    """Return all objects of a kind, or those of the given names."""
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
    """Return a part of the host that an error kept from being listed."""
    return Unobservable(
        prefix,
        str(error),
        lost=isinstance(error, Unavailable),
        unsupported=isinstance(error, Unsupported),
    )
