"""
Find interfaces of running guests that lost their network's bridge, and compute how to reattach them.

When a network is stopped, its bridge is deleted, and the guests' tap devices are left without a bridge.
libvirt attaches a tap device only if the name of its bridge changes. libvirt 9.0 also does so if only the
interface's type changes; 11.0 and later do not (qemuDomainChangeNet, measured with 9.0.0 and 11.3.0).
Therefore, an interface is moved to a temporary network, the interim network, and back. After this, the tap
device is on the bridge, and libvirt has a port for it. If a network only uses a bridge of the host, the
bridge is not deleted, and only the port is missing.

A network whose guests must be reattached has a mark in its stored metadata until all guests are reattached.
If the process is killed before that, the next pass reattaches the remaining guests.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from kvmreconcile.tree import Node, make

# Different from the namespace of the ownership mark: libvirt keeps one element per namespace.
_URI = "urn:kvmreconcile:unplugged:1"
_TAG = f"{{{_URI}}}guests"
_INTERIM = ".kvmreconcile-interim"
_DIGITS = 8
"""
Number of digits in the name of an interim network's bridge.

Linux accepts names of at most 15 characters.
"""
DETACHED_RULE = f"metadata/{_URI}:guests"
"""The mark's path in rules. A network that was started with the mark keeps it in its live definition."""


@dataclass(frozen=True, slots=True)
class BridgedNetwork:
    """
    An active network with a bridge.

    Attributes:
        network: Name of the network.
        bridge: Name of the network's bridge.
        ports: UUIDs of the network's ports.
        is_own: Whether libvirt creates the bridge together with the network.
    """

    network: str
    bridge: str
    ports: frozenset[str]
    is_own: bool


def has_detached_mark(network: Node) -> bool:
    """Return whether the network has the mark of detached guests: some guests may have to be reattached."""
    return network.find(f"metadata/{_TAG}") is not None


def with_detached_mark(network: Node) -> Node:
    """Return the definition with the mark of detached guests: guests must be reattached."""
    clean = without_detached_mark(network)
    metadata = clean.child("metadata") or Node("metadata")
    mark = replace(make(_TAG), prefix="unplugged")
    return _with_metadata(clean, replace(metadata, children=(*metadata.children, mark)))


def without_detached_mark(network: Node) -> Node:
    """Return the definition without the mark of detached guests."""
    metadata = network.child("metadata")
    if metadata is None:
        return network
    return _with_metadata(
        network, replace(metadata, children=tuple(c for c in metadata.children if c.tag != _TAG))
    )


def _with_metadata(network: Node, metadata: Node) -> Node:
    others = tuple(c for c in network.children if c.tag != "metadata")
    return replace(network, children=others if metadata.is_empty() else (*others, metadata))


def interims(network: str) -> Iterator[Node]:
    """
    Yield candidate definitions of the interim network. They differ in the name of the bridge.

    Several names are needed: if libvirtd is killed while it starts a network, the bridge remains, and no
    network with a bridge of this name can be started.

    Args:
        network: Name of the network, or another unique identifier of the interface that is moved.
    """
    digits = sha256(network.encode()).hexdigest()
    name = make("name", text=interim_name(network))
    for start in range(0, len(digits), _DIGITS):
        bridge = make("bridge", {"name": f"kvmr{digits[start : start + _DIGITS]}", "stp": "off"})
        # Isolated and without an address: no DHCP server, no way to the host or out of it.
        yield make("network", children=(name, bridge))


def interim_name(network: str) -> str:
    """Return the name of the interim network for a network."""
    return f"{network}{_INTERIM}"


def is_interim(name: str) -> bool:
    """Return whether a network name is the name of an interim network."""
    return name.endswith(_INTERIM)


def is_guest(domain: Node, network: str) -> bool:
    """Return whether a domain has an interface on the network or on the network's interim network."""
    return any(_is_on(i.child("source"), network) for i in domain.all("devices/interface"))


def _is_on(source: Node | None, network: str) -> bool:
    return source is not None and source.attr("network") in {network, interim_name(network)}


def reattachments(domain: Node, bridged: BridgedNetwork) -> Iterator[tuple[Node, ...]]:
    """
    Yield, for each interface that lost its bridge, the definitions that reattach it.

    The interface must be updated to these definitions one after the other.

    Args:
        domain: The live definition.
    """
    for interface in domain.all("devices/interface"):
        source = interface.child("source")
        if source is None or source.attr("bridge") is None or not _is_on(source, bridged.network):
            continue
        if source.attr("network") == bridged.network and source.attr("portid") in bridged.ports:
            continue
        away = (
            _on(interface, "network", _source(source, interim_name(bridged.network)))
            if bridged.is_own
            else _on(interface, "bridge", make("source", {"bridge": bridged.bridge}))
        )
        yield away, _on(interface, "network", _source(source, bridged.network))


def moved_to(interface: Node, network: str) -> Node:
    """Return an interface that is connected to another network."""
    source = interface.child("source") or Node("source")
    return _on(interface, "network", _source(source, network))


def _source(source: Node, network: str) -> Node:
    # The port group stays the same: libvirt rejects a change of it.
    attrs = {k: v for k, v in source.attrs if k not in {"bridge", "portid"}} | {"network": network}
    return replace(source, attrs=tuple(sorted(attrs.items())))


def _on(interface: Node, kind: str, source: Node) -> Node:
    children = tuple(source if c.tag == "source" else c for c in interface.children)
    attrs = dict(interface.attrs) | {"type": kind}
    return replace(interface, attrs=tuple(sorted(attrs.items())), children=children)
