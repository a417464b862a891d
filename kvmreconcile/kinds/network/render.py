"""
From a network's document to what it wants, and from what exists to the fields that say it.

Separate from the spec because only here a network's fields mean more than their place in libvirt's XML. Pure.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

from kvmreconcile.kinds.kind import Document
from kvmreconcile.kinds.network.plugs import is_guest
from kvmreconcile.kinds.network.rules import RULES
from kvmreconcile.kinds.network.spec import NetworkSpec
from kvmreconcile.kinds.network.spelling import (
    OWN_BRIDGE,
    canonical,
    mode_of,
    without_granted,
    without_services,
)
from kvmreconcile.kinds.ownership_mark import stamped, without_stamp
from kvmreconcile.kinds.rendering import desired, said
from kvmreconcile.model import Actual, Cost, Desired, Key, Power, Removal, Surroundings
from kvmreconcile.schema.decode import read_fields
from kvmreconcile.schema.omit_defaults import drop
from kvmreconcile.tree import Node, make, to_xml

NAME = "Network"
ROOT = "network"
_DOMAINS = "Domain/"


def key(document: Document) -> Key:
    """Return the identity of the network that a document is about."""
    return Key(NAME, document.name)


def desire(document: Document, uuid: str) -> Desired:
    """
    Return what a document wants, and nothing that it does not say; `uuid` is the one to be born with.

    Raises:
        SpecError: Its `xml` cannot be used.
    """
    spec = cast("NetworkSpec", document.spec)
    tree = canonical(said(document, spec, ROOT, RULES))
    wish = desired(document, key(document), tree, tree.get("uuid") or uuid)
    return replace(wish, power=Power(spec.state), autostart=spec.autostart)


def complete(proposed: Node, surroundings: Surroundings) -> Node:
    """
    Return the definition with its UUID, our mark, and a MAC address that a rebuilt host would give again.

    What libvirt filled in for a bridge of its own is taken out where the bridge is the host's.
    """
    if mode_of(proposed) not in OWN_BRIDGE:
        proposed = _without_own_bridge(proposed)
    elif proposed.child("mac") is None and not surroundings.plain:
        proposed = _with(proposed, make("mac", {"address": derived_mac(surroundings.uuid)}))
    if proposed.child("uuid") is None:
        proposed = _with(proposed, Node("uuid", (), surroundings.uuid))
    return stamped(proposed, surroundings.stamp)


def cost(removal: Removal) -> Cost:
    """Return what the removal of a network costs: who is on it."""
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
    """Return the MAC address of a network's bridge, in the range that libvirt takes for its own."""
    digits = sha256(f"{uuid}/bridge".encode()).hexdigest()
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:6]}"


def adopt(actual: Actual) -> dict[str, Any]:
    """Return the fields, and the XML that none covers, which together say what exists."""
    tree = without_granted(canonical(actual.tree))
    tree = drop(without_stamp(_unfilled(tree)), "name")
    fields, left = read_fields(NetworkSpec, tree, RULES)
    if not actual.active:
        fields["state"] = "stopped"
    if actual.autostart:
        fields["autostart"] = True
    if not left.is_empty():
        fields["xml"] = to_xml(left)
    return fields


def _unfilled(network: Node) -> Node:
    """Leave out of the bridge's element what libvirt gives every bridge of its own."""
    for path, value in (("bridge/@stp", "on"), ("bridge/@delay", "0")):
        if network.get(path) == value:
            network = drop(network, path)
    return network


def _without_own_bridge(network: Node) -> Node:
    """Take out what only a bridge of libvirt's own has, and any bridge where guests are on devices by macvtap."""
    on_devices = network.find("forward/interface") is not None
    for path in ("mac", "bridge") if on_devices else ("mac", "bridge/@stp", "bridge/@delay"):
        network = network.without(path)
    return without_services(network)


def _with(network: Node, new: Node) -> Node:
    """Put an element behind the name, where libvirt has these."""
    return replace(network, children=(*network.children[:1], new, *network.children[1:]))
