"""Read and replace the devices of a definition. Pure."""

from dataclasses import replace

from kvmreconcile.tree import Node


def devices_of(domain: Node) -> tuple[Node, ...]:
    """Return the devices of a definition."""
    devices = domain.child("devices")
    return devices.children if devices else ()


def with_devices(domain: Node, children: tuple[Node, ...]) -> Node:
    """
    Return the definition with its devices replaced; unchanged if the definition has no `<devices>`.

    Args:
        children: The new devices.
    """
    devices = domain.child("devices")
    if devices is None:
        return domain
    whole = replace(devices, children=children)
    return replace(domain, children=tuple(whole if c is devices else c for c in domain.children))
