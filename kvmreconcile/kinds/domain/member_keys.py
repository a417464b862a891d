"""
Keys of list members that several sections share.

A device that is mistaken for another costs a guest its data. Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Members, Owner

Keys = tuple[tuple[str, ...], ...]

ALIAS = ("alias/@name",)
PLACE = ("address/@*",)
"""The address that libvirt assigned to a device; a later device may get it after a removal."""
PCI_SOURCE = (
    "source/address/@domain",
    "source/address/@bus",
    "source/address/@slot",
    "source/address/@function",
)
ADVICE = 'change one device at a time, or first add a "name" to each together with the {} that it has now'
ORDERED = Members((), Owner.ORDERED)


def complete_list(*keys: tuple[str, ...]) -> Members:
    """Return a list that is complete if the spec has it: members that it omits are removed."""
    return Members(keys, Owner.SPEC)


def shared_list(*keys: tuple[str, ...], fallback: Keys = ()) -> Members:
    """Return a list to which libvirt and other tools add members; names of members may change."""
    renamed = keys[1:] if keys[:1] == (ALIAS,) else ()
    return Members(keys, Owner.SHARED, fallback=(*renamed, *fallback))
