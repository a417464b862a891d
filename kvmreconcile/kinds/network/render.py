"""Convert a network's spec to libvirt's XML, and an existing network to a spec."""

from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.network.reattachment import is_guest
from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.kinds.network.spec import NetworkSpec
from kvmreconcile.kinds.network.spelling import (
    OWN_BRIDGE,
    mode_of,
    normalize_network,
    without_bridge_services,
    without_defaults,
)
from kvmreconcile.kinds.ownership_mark import with_mark, without_mark
from kvmreconcile.kinds.rendering import make_desired, spec_tree
from kvmreconcile.model import Actual, Cost, Desired, Key, Power, Removal, Surroundings
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.schema.omit_defaults import drop
from kvmreconcile.tree import Node, make, to_xml

NAME = "Network"
ROOT = "network"
_DOMAINS = "Domain/"


def key(document: Document) -> Key:
    """Return the key of a document's network."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return the desired network of a document.

    Args:
        uuid: UUID for a new network whose spec has none.

    Raises:
        SpecError: The `xml` of the spec is invalid.
    """
    spec = cast("NetworkSpec", document.spec)
    tree = normalize_network(spec_tree(document, spec, ROOT, RULES))
    desired = make_desired(document, key(document), tree, tree.get("uuid") or uuid)
    return replace(desired, power=Power(spec.state), autostart=spec.autostart)


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """
    Return the definition with its UUID, the ownership mark, and a MAC address derived from the UUID.

    If the network uses a bridge of the host, values that libvirt set for its own bridge are removed.
    """
    if mode_of(proposed) not in OWN_BRIDGE:
        proposed = _without_own_bridge(proposed)
    elif proposed.child("mac") is None and not surroundings.plain:
        proposed = _with_element(proposed, make("mac", {"address": derived_mac(surroundings.uuid)}))
    if proposed.child("uuid") is None:
        proposed = _with_element(proposed, Node("uuid", (), surroundings.uuid))
    return with_mark(proposed, surroundings.ownership_mark)


def cost(removal: Removal) -> Cost:
    """Return the cost of removing a network: its bridge and the guests on it."""
    actual, name = removal.actual, removal.actual.key.name
    if not actual.active:
        return Cost(notes=("it is not active",))
    guests = [user.key.name for user in removal.users if user.live and is_guest(user.live, name)]
    on_it = "no running guest is on it"
    is_partial = any(prefix.startswith(_DOMAINS) for prefix in removal.unlisted)
    if guests:
        more = " and perhaps others" if is_partial else ""
        on_it = f"running guests on it: {len(guests)} ({', '.join(guests)}){more}"
    elif is_partial:
        on_it = "guests may be on it: not all domains could be read"
    bridge = actual.tree.get("bridge/@name")
    return Cost(notes=(f"it is active{f' (bridge {bridge})' if bridge else ''}; {on_it}",))


def derived_mac(uuid: str) -> str:
    """Return a MAC address for a network's bridge, derived from the UUID, in libvirt's range."""
    digits = sha256(f"{uuid}/bridge".encode()).hexdigest()
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"


def adopt(actual: Actual) -> dict[str, Any]:
    """Return the fields of a spec for an existing network, with `xml` for parts that have no field."""
    tree = without_defaults(normalize_network(actual.tree))
    tree = drop(without_mark(_without_bridge_defaults(tree)), "name")
    fields, left = read_fields(NetworkSpec, tree, RULES)
    if not actual.active:
        fields["state"] = "stopped"
    if actual.autostart:
        fields["autostart"] = True
    if not left.is_empty():
        fields["xml"] = to_xml(left)
    return fields


def _without_bridge_defaults(network: Node) -> Node:
    """Return the definition without the values that libvirt sets for each of its bridges."""
    for path, value in (("bridge/@stp", "on"), ("bridge/@delay", "0")):
        if network.get(path) == value:
            network = drop(network, path)
    return network


def _without_own_bridge(network: Node) -> Node:
    """
    Return the definition without values of libvirt's own bridges.

    If guests use devices of the host through macvtap, the bridge is also removed.
    """
    on_devices = network.find("forward/interface") is not None
    for path in ("mac", "bridge") if on_devices else ("mac", "bridge/@stp", "bridge/@delay"):
        network = network.without(path)
    return without_bridge_services(network)


def _with_element(network: Node, new: Node) -> Node:
    """Return the definition with a new element after the name, where libvirt writes it."""
    return replace(network, children=(*network.children[:1], new, *network.children[1:]))
