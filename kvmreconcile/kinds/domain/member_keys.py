"""
Keys of list members that several sections share.

A device taken for another loses a guest its data. Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Members, Owner

Keys = tuple[tuple[str, ...], ...]

ALIAS = ("alias/@name",)
PLACE = ("address/@*",)
"""Where libvirt has put a device. It gives the place of one that goes to the next that comes."""
PCI_SOURCE = (
    "source/address/@domain",
    "source/address/@bus",
    "source/address/@slot",
    "source/address/@function",
)
ADVICE = 'change one device at a time, or first add a "name" to each together with the {} that it has now'
ORDERED = Members((), Owner.ORDERED)


def complete_list(*keys: tuple[str, ...]) -> Members:
    """Return a list that is complete where the spec mentions it: what it does not name is taken from the guest."""
    return Members(keys, Owner.SPEC)


def shared_list(*keys: tuple[str, ...], fallback: Keys = ()) -> Members:
    """Return a list to which libvirt and other tools add members of their own; names of members may change."""
    renamed = keys[1:] if keys[:1] == (ALIAS,) else ()
    return Members(keys, Owner.SHARED, fallback=(*renamed, *fallback))
