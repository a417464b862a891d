"""
Normalize definitions of networks where rules for single values are not sufficient.

Specs and observed definitions are normalized before they are compared.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network

from kvmreconcile.tree import Node, make, parse, to_xml

OWN_BRIDGE = (None, "nat", "route", "open")
"""Modes in which libvirt creates the bridge; None is a network without `<forward>`."""

_NAT_PORTS = make("port", {"start": "1024", "end": "65535"})
"""libvirt's default, which it writes into live definitions only (measured, 9.0.0)."""


def mode_of(network: Node) -> str | None:
    """Return the forward mode; None for an isolated network."""
    forward = network.child("forward")
    return None if forward is None else forward.attr("mode") or "nat"


def normalize_network(network: Node) -> Node:
    """
    Return a definition in its normal form.

    A netmask becomes a prefix length, and the default family "ipv4" is removed. A missing forward mode
    becomes "nat", and `<forward dev=...>` becomes an `<interface>` element. Counts of connections are
    removed, as are the virtual functions that libvirt lists for a physical function.
    """
    network = _each(network.without("@connections"), "forward", _forward)
    return _each(_each(network, "ip", _prefixed), "route", _prefixed)


@lru_cache(maxsize=2048)
def normalize_observed(xml: str) -> str:
    """
    Return an observed definition in its normal form, with libvirt's defaults added.

    Empty `<dns>` and `<dhcp>` elements are added, so that the first record in one of them is not a change
    of the whole element. Attributes that libvirt stores only with the value "yes" are added with "no".
    """
    network = _with_attribute(normalize_network(parse(xml)), "ipv6", "no")
    network = _each(network, "portgroup", lambda p: _with_attribute(p, "default", "no"))
    if mode_of(network) in OWN_BRIDGE:
        network = _with_child(network, Node("dns"))
        network = _each(network, "ip", lambda ip: _with_child(ip, Node("dhcp")))
    if mode_of(network) == "nat":
        network = _each(network, "forward", lambda f: _each(_with_child(f, Node("nat")), "nat", _with_ports))
    return to_xml(network)


def without_defaults(network: Node) -> Node:
    """Return a definition without the defaults that `normalize_observed` adds."""
    network = _each(
        _without_attribute(network, "ipv6", "no"),
        "portgroup",
        lambda p: _without_attribute(p, "default", "no"),
    )
    return without_bridge_services(network)


def without_bridge_services(network: Node) -> Node:
    """Return a definition without the empty DNS, DHCP and NAT elements that `normalize_observed` adds."""
    network = _without_empty(_each(network, "ip", lambda ip: _without_empty(ip, "dhcp")), "dns")
    return _each(network, "forward", lambda f: _without_empty(_each(f, "nat", _without_ports), "nat"))


def _forward(forward: Node) -> Node:
    first = forward.attr("dev")
    if first and forward.child("interface") is None and forward.child("pf") is None:
        forward = _with_child(forward, make("interface", {"dev": first}))
    drop = ("interface", "address") if forward.child("pf") else ()
    children = tuple(c.without("@connections") for c in forward.children if c.tag not in drop)
    attrs = dict(forward.attrs) | {"mode": forward.attr("mode") or "nat"}
    attrs.pop("dev", None)
    return replace(forward, attrs=tuple(sorted(attrs.items())), children=children)


def _prefixed(element: Node) -> Node:
    attrs = dict(element.attrs)
    if attrs.get("family") == "ipv4":
        del attrs["family"]
    if "netmask" in attrs and "prefix" not in attrs:
        try:
            attrs["prefix"] = str(IPv4Network(f"0.0.0.0/{attrs['netmask']}").prefixlen)
        except ValueError:
            return element
        del attrs["netmask"]
    return replace(element, attrs=tuple(sorted(attrs.items())))


def _with_ports(nat: Node) -> Node:
    return _with_child(nat, _NAT_PORTS)


def _without_ports(nat: Node) -> Node:
    return replace(nat, children=tuple(c for c in nat.children if c != _NAT_PORTS))


def _with_attribute(node: Node, name: str, value: str) -> Node:
    return node if node.attr(name) else replace(node, attrs=tuple(sorted((*node.attrs, (name, value)))))


def _without_attribute(node: Node, name: str, value: str) -> Node:
    return replace(node, attrs=tuple(a for a in node.attrs if a != (name, value)))


def _with_child(node: Node, new: Node) -> Node:
    return node if node.child(new.tag) else replace(node, children=(*node.children, new))


def _without_empty(node: Node, tag: str) -> Node:
    return replace(node, children=tuple(c for c in node.children if c.tag != tag or not c.is_empty()))


def _each(node: Node, tag: str, change: Callable[[Node], Node]) -> Node:
    """Return a node with all children of one tag changed by a function."""
    return replace(node, children=tuple(change(c) if c.tag == tag else c for c in node.children))
