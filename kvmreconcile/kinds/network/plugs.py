"""
How a running guest is put back on a bridge that was made anew, without its noticing.

A network that is stopped takes its bridge along; the guests' taps stay, on no bridge. Asking libvirt for the
same network again does nothing, since to libvirt nothing changed. Asking for the bridge by name, and then for
the network, does both: the tap is on the bridge, and the network counts its port (measured, 9.0.0).
That all guests are back is known only once it was done, so a network whose guests have to be put back carries a
mark in its stored metadata until then; a kill in between is mended by the next pass.
Separate from the driver because it is pure.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from kvmreconcile.tree import Node, make

# Not the namespace of the owner's mark: libvirt keeps one element of each.
_URI = "urn:kvmreconcile:unplugged:1"
_TAG = f"{{{_URI}}}guests"
UNPLUGGED = f"metadata/{_URI}:guests"
"""The mark's path in rules: a running network that was started with it keeps it in its live definition."""


@dataclass(frozen=True, slots=True)
class Plug:
    """A guest's interface: as one of a bridge, and as one of the network."""

    mac: str
    bridged: Node
    networked: Node


def is_marked(network: Node) -> bool:
    """Tell whether guests of the network may still have to be put back."""
    return network.find(f"metadata/{_TAG}") is not None


def marked(network: Node) -> Node:
    """Return a definition that says so."""
    clean = unmarked(network)
    metadata = clean.child("metadata") or Node("metadata")
    mark = replace(make(_TAG), prefix="unplugged")
    return _with_metadata(clean, replace(metadata, children=(*metadata.children, mark)))


def unmarked(network: Node) -> Node:
    """Return a definition that no longer says so."""
    metadata = network.child("metadata")
    if metadata is None:
        return network
    return _with_metadata(
        network, replace(metadata, children=tuple(c for c in metadata.children if c.tag != _TAG))
    )


def _with_metadata(network: Node, metadata: Node) -> Node:
    others = tuple(c for c in network.children if c.tag != "metadata")
    return replace(network, children=others if metadata.is_empty() else (*others, metadata))


def is_guest(domain: Node, network: str) -> bool:
    """Tell whether a domain has an interface on the network."""
    return any(i.get("source/@network") == network for i in domain.all("devices/interface"))


def unplugged(domain: Node, network: str, bridge: str, ports: Collection[str]) -> Iterator[Plug]:
    """
    Yield the interfaces of a running domain that are on a network's bridge no more.

    Args:
        domain: The live definition.
        ports: UUIDs of the ports that the network knows.
    """
    for interface in domain.all("devices/interface"):
        source = interface.child("source")
        if source is None or source.attr("network") != network or source.attr("bridge") is None:
            continue
        if source.attr("portid") not in ports:
            again = source.without("@bridge").without("@portid")
            yield Plug(
                mac=interface.get("mac/@address") or "",
                bridged=_on(interface, "bridge", make("source", {"bridge": bridge})),
                networked=_on(interface, "network", again),
            )


def _on(interface: Node, kind: str, source: Node) -> Node:
    children = tuple(source if c.tag == "source" else c for c in interface.children)
    attrs = dict(interface.attrs) | {"type": kind}
    return replace(interface, attrs=tuple(sorted(attrs.items())), children=children)
