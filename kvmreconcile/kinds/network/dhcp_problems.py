"""
Find DHCP addresses in a network's definition that cannot be assigned on any host.

Values of single fields are checked in the spec's models. libvirt accepts most of these definitions; dnsmasq
then ignores the setting or does not start. Messages do not include the values, since they may be secret.
"""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_address, ip_interface

from kvmreconcile.kinds.network.spelling import normalize_network
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.tree import Node

_KNOWN_BY = (("@mac", "MAC address"), ("@id", "DUID"), ("@name", "name"), ("@ip", "address"))
"""Values that must be unique among the DHCP hosts of an address family."""
_ENTRIES = frozenset({"host", "range"})
"""Elements that enable DHCP; observed definitions have an empty `<dhcp>` in every address."""

_TODO = "choose another address in the subnet, or correct the subnet"

_Address = IPv4Address | IPv6Address
_Interface = IPv4Interface | IPv6Interface


def find_dhcp_problems(network: Node) -> Iterator[DefinitionProblem]:
    """Yield the problems of a definition."""
    served: dict[int, str] = {}
    seen: dict[tuple[int, str, str], str] = {}
    for number, ip in enumerate(normalize_network(network).all("ip"), 1):
        place, own = f"ip[{number}]", _interface(ip)
        dhcp = ip.child("dhcp")
        if own is None or dhcp is None or not any(each.tag in _ENTRIES for each in dhcp.children):
            continue
        if own.version in served:
            what = f"only one IPv{own.version} address of a network can have DHCP"
            todo = f"keep DHCP on one IPv{own.version} address"
            yield DefinitionProblem(f"{place}/dhcp", what, todo, f"{served[own.version]}/dhcp")
        served.setdefault(own.version, place)
        yield from _host_problems(dhcp, f"{place}/dhcp", own, seen)
        yield from _range_problems(dhcp, f"{place}/dhcp", own)


def _host_problems(
    dhcp: Node, place: str, own: _Interface, seen: dict[tuple[int, str, str], str]
) -> Iterator[DefinitionProblem]:
    """
    Yield the problems of DHCP hosts.

    Args:
        place: Path of the `<dhcp>` element.
        own: The host's address in the subnet.
        seen: The place of each value of previous DHCP hosts, by IP version, attribute and value.
    """
    for number, host in enumerate(dhcp.all("host"), 1):
        for path, what in _KNOWN_BY:
            value, here = host.get(path), f"{place}/host[{number}]/{path}"
            if value is None:
                continue
            first = seen.setdefault((own.version, path, value.lower()), here)
            if first != here:
                yield DefinitionProblem(
                    here, f"two DHCP hosts have the same {what}", "use a different value for each host", first
                )
        address = _address(host.get("@ip"))
        if address and (why := _unusable(address, own)):
            yield DefinitionProblem(
                f"{place}/host[{number}]/@ip", f"a DHCP host cannot have this address: {why}", _TODO
            )


def _range_problems(dhcp: Node, place: str, own: _Interface) -> Iterator[DefinitionProblem]:
    spans: defaultdict[int, list[_Address]] = defaultdict(list)
    for number, part in enumerate(dhcp.all("range"), 1):
        for path in ("@start", "@end"):
            address = _address(part.get(path))
            if address is None:
                continue
            spans[number].append(address)
            if why := _unusable(address, own):
                what = f"a DHCP range cannot have this address: {why}"
                yield DefinitionProblem(f"{place}/range[{number}]/{path}", what, _TODO)
        if len(spans[number]) == len(("@start", "@end")) and int(spans[number][0]) > int(spans[number][1]):
            todo = "swap or correct start and end"
            yield DefinitionProblem(
                f"{place}/range[{number}]/@start", "a DHCP range ends before it starts", todo
            )


def _unusable(address: _Address, own: _Interface) -> str:
    """
    Return why an address cannot be assigned to a guest; "" if it can.

    Args:
        own: The host's address in the subnet.
    """
    if address.version != own.version or address not in own.network:
        return "it is outside the subnet"
    has_ends = own.version == 4 and own.network.prefixlen < own.network.max_prefixlen - 1
    if has_ends and address in (own.network.network_address, own.network.broadcast_address):
        return "it is the network or broadcast address"
    return ""


def _interface(ip: Node) -> _Interface | None:
    try:
        return ip_interface(f"{ip.attr('address')}/{ip.attr('prefix')}")
    except ValueError:
        return None


def _address(text: str | None) -> _Address | None:
    try:
        return ip_address(text) if text else None
    except ValueError:
        return None
