"""
Keys by which list members are identified, for lists in several sections.

A wrong match between two devices can cost a guest its data.
Source: https://libvirt.org/formatdomain.html
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
ADVICE = 'change one device at a time, or first add a "name" to each device without changing its {}'
ORDERED = Members((), Owner.ORDERED)


def complete_list(*keys: tuple[str, ...]) -> Members:
    """Return the rules of a list that is complete if the spec sets it: unlisted members are removed."""
    return Members(keys, Owner.SPEC)


def shared_list(*keys: tuple[str, ...], fallback: Keys = ()) -> Members:
    """
    Return the rules of a list to which libvirt and other tools add members.

    Users can change the names of members.

    Args:
        keys: Paths by which members are identified, best first.
        fallback: Keys for members that no key in `keys` identifies.
    """
    renamed = keys[1:] if keys[:1] == (ALIAS,) else ()
    return Members(keys, Owner.SHARED, fallback=(*renamed, *fallback))
