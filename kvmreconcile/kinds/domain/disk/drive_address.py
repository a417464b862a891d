"""
Assign free bus addresses to new disks, for buses on which libvirt derives the address from the target.

A disk whose target is edited keeps its address in the guest. For a new disk with the old target, libvirt
would derive the same address, and reject the disk ("Found duplicate drive address"). Pure.

Source: virDomainDiskDefAssignAddress in libvirt's src/conf/domain_conf.c.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from kvmreconcile.tree import Node, make
from kvmreconcile.tree.scalars import whole

_NUMBERS = ("controller", "bus", "target", "unit")
Place = tuple[str, tuple[int, ...]]
"""A bus, and the numbers of an address on it."""

_PLACES: Mapping[str, Callable[[int], tuple[int, int, int, int]]] = {
    "scsi": lambda n: (n // 7, 0, 0, n % 7),
    "sata": lambda n: (n // 6, 0, 0, n % 6),
    "ide": lambda n: (n // 4, n % 4 // 2, 0, n % 2),
    "fdc": lambda n: (n // 2, 0, 0, n % 2),
}
"""By bus, the address that libvirt derives from the index of a disk's target ("sda" is 0)."""


def targets(prefix: str) -> Iterator[str]:
    """Yield targets in libvirt's order: vda to vdz, then vdaa and so on."""
    letters = [chr(ord("a") + i) for i in range(26)]
    yield from (prefix + one for one in letters)
    yield from (prefix + one + two for one in letters for two in letters)


def placed(devices: Sequence[Node]) -> tuple[Node, ...]:
    """Return the devices with a free address for each disk whose derived address is in use."""
    taken = {_said(device) for device in devices}
    to_move: list[int] = []
    for index, device in enumerate(devices):
        place = _derived(device)
        if place is not None and place in taken:
            to_move.append(index)
        taken.add(place)
    result = list(devices)
    for index in to_move:
        bus = devices[index].get("target/@bus") or ""
        numbers = next(p for n in count() if (bus, p := _PLACES[bus](n)) not in taken)
        taken.add((bus, numbers))
        result[index] = replace(devices[index], children=(*devices[index].children, _address(numbers)))
    return tuple(result)


def _said(device: Node) -> Place | None:
    """Return the explicit address of a disk; None if it has none."""
    address = device.child("address")
    if device.tag != "disk" or address is None or address.attr("type") != "drive":
        return None
    said = [number for name in _NUMBERS if (number := whole(address.attr(name) or "0")) is not None]
    return (device.get("target/@bus") or "", tuple(said)) if len(said) == len(_NUMBERS) else None


def _derived(device: Node) -> Place | None:
    """Return the address that libvirt derives for a disk without an address; None if libvirt derives none."""
    bus, index = device.get("target/@bus") or "", _index(device.get("target/@dev") or "")
    if device.tag != "disk" or device.child("address") is not None or index is None or bus not in _PLACES:
        return None
    return bus, _PLACES[bus](index)


def _address(numbers: tuple[int, ...]) -> Node:
    said = {name: str(number) for name, number in zip(_NUMBERS, numbers, strict=True)}
    return make("address", {"type": "drive", **said})


def _index(target: str) -> int | None:
    """Return the index of a target ("sda" is 0); None if the target has no index."""
    number = 0
    for letter in target[2:]:
        if not "a" <= letter <= "z":
            return None
        number = number * 26 + ord(letter) - ord("a") + 1
    return number - 1 if number else None
