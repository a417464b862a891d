"""
Keys of list members that several sections share.

If one device is taken for another, a guest may lose its data. Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Members, Owner

Keys = tuple[tuple[str, ...], ...]

ALIAS = ("alias/@name",)
PLACE = ("address/@*",)
"""The address of a device. If the device is removed, libvirt gives the address to the next new one."""
PCI_SOURCE = (
    "source/address/@domain",
    "source/address/@bus",
    "source/address/@slot",
    "source/address/@function",
)
ADVICE = 'change one device at a time, or first add a "name" to each together with the {} that it has now'
ORDERED = Members((), Owner.ORDERED)


def complete_list(*keys: tuple[str, ...]) -> Members:
    """Return a list from which members that are not in the spec are removed, if the spec has the list."""
    return Members(keys, Owner.SPEC)


def shared_list(*keys: tuple[str, ...], fallback: Keys = ()) -> Members:
    """Return a list to which libvirt and other tools add members; names of members may change."""
    renamed = keys[1:] if keys[:1] == (ALIAS,) else ()
    return Members(keys, Owner.SHARED, fallback=(*renamed, *fallback))
