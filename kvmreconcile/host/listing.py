"""
Read all objects of a kind that can be active, autostarted and persistent: domains, networks, pools.

Separate from their drivers because what a failure means must be the same in each: a list that fails leaves the
kind unseen, an object that fails is unknown, and only one that libvirt denies is absent.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from kvmreconcile.errors import HostError, NotFound, Unavailable
from kvmreconcile.host.errors import translated
from kvmreconcile.model import Actual, Blind, Key, Observation, Unknown


class Handle(Protocol):
    """libvirt's object of any kind."""

    def name(self) -> str:
        """Return the object's name, which the handle knows without asking."""


H = TypeVar("H", bound=Handle)


@dataclass(frozen=True, slots=True)
class Flags:
    """What a few lists tell of one object, so that it need not be asked by itself."""

    active: bool
    autostart: bool
    persistent: bool
    saved: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    """
    libvirt's numbers by which a list holds only the active, autostarted or persistent objects.

    `saved` is that of those which sleep with their memory in a file, 0 where the kind knows no sleep.
    """

    active: int
    autostart: int
    persistent: int
    saved: int = 0


def read_all(
    kind: str,
    listed: Callable[[int], Iterable[H]],
    filters: Filters,
    read: Callable[[Key, H, Flags], Actual],
    names: Collection[str] | None,
) -> Observation:
    """
    Return all objects of a kind, or those of the given names.

    Args:
        listed: libvirt's call for a list; 0 lists all.
        read: Reads one object; where it vanished meanwhile its error says so.
    """
    try:
        with translated(kind):
            handles = list(listed(0))
            active = {handle.name() for handle in listed(filters.active)}
            autostart = {handle.name() for handle in listed(filters.autostart)}
            persistent = {handle.name() for handle in listed(filters.persistent)}
            saved = {handle.name() for handle in listed(filters.saved)} if filters.saved else set[str]()
    except HostError as error:
        return Observation(blind=(hidden(f"{kind}/", error),))
    objects: dict[Key, Actual | Unknown] = {}
    for handle in handles:
        name = handle.name()
        if names is not None and name not in names:
            continue
        key = Key(kind, name)
        try:
            with translated(str(key)):
                flags = Flags(name in active, name in autostart, name in persistent, name in saved)
                objects[key] = read(key, handle, flags)
        except NotFound:
            continue
        except HostError as error:
            objects[key] = Unknown(key, str(error))
    return Observation(objects)


def hidden(prefix: str, error: HostError) -> Blind:
    """Return a part of the host that an error kept from being listed."""
    return Blind(prefix, str(error), lost=isinstance(error, Unavailable))
