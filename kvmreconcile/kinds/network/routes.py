"""
Read the host's routes, and find routes that conflict with a network's subnet.

libvirt refuses to start a network only if the host has a route to exactly its subnet
(src/network/bridge_driver_linux.c, networkCheckRouteCollision). With any other overlap the network starts,
and some addresses of guests or of the host's neighbors become unreachable.
Source of the formats: proc(5), /proc/net/route; Linux, net/ipv6/route.c, rt6_info_route; sysfs(5).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_interface
from pathlib import Path

from kvmreconcile.kinds.network.spelling import normalize_network
from kvmreconcile.tree import Node

FILES = (Path("/proc/net/route"), Path("/proc/net/ipv6_route"))
DEVICES = Path("/sys/class/net")
Subnet = IPv4Network | IPv6Network

_TUNNEL = 0x10 | 0x80
"""IFF_POINTOPOINT and IFF_NOARP of a device (netdevice(7))."""
_UP, _GATEWAY, _REJECT = 0x1, 0x2, 0x200
_OWN_ADDRESS = 0x80000000
"""RTF_LOCAL: the entry of one of the host's own IPv6 addresses."""
_LINK_LOCAL, _MULTICAST = IPv6Network("fe80::/10"), IPv6Network("ff00::/8")


@dataclass(frozen=True, slots=True)
class HostRoute:
    """
    A route of the host.

    Attributes:
        to: Destination of the route.
        device: Name of the network device.
        is_direct: Whether the destination is directly connected, not behind a gateway or tunnel.
    """

    to: Subnet
    device: str
    is_direct: bool

    def conflicts_with(self, subnet: Subnet) -> bool:
        """
        Return whether a network with the subnet would make some addresses unreachable.

        A wider route through a gateway or tunnel, such as 10.0.0.0/8 for the subnet 10.1.2.0/24, is
        ordinary routing and no conflict.
        """
        if self.to.version != subnet.version or not self.to.overlaps(subnet):
            return False
        return self.is_direct or self.to.prefixlen >= subnet.prefixlen


def subnets_of(network: Node) -> Iterator[Subnet]:
    """Yield the subnets in which the host has an address of the network."""
    for ip in normalize_network(network).all("ip"):
        try:
            yield ip_interface(f"{ip.attr('address')}/{ip.attr('prefix')}").network
        except ValueError:
            continue


def read_routes(files: Iterable[Path] = FILES, devices: Path = DEVICES) -> Iterator[HostRoute]:
    """
    Yield the routes of this machine. Files that cannot be read are skipped.

    Args:
        files: The kernel's routing tables.
        devices: Directory with the attributes of network devices.
    """
    for file in files:
        try:
            lines = file.read_text("ascii").splitlines()
        except (OSError, ValueError):
            continue
        for line in lines:
            if route := _read(line.split()):
                yield replace(route, is_direct=route.is_direct and _has_neighbours(devices / route.device))


def _has_neighbours(device: Path) -> bool:
    """
    Return whether a network device is not a tunnel, so that addresses are resolved on the link.

    Returns False if this is unknown.
    """
    try:
        return not int((device / "flags").read_text("ascii"), 16) & _TUNNEL
    except (OSError, ValueError):
        return False


def _read(fields: list[str]) -> HostRoute | None:
    """
    Return the route of a line.

    Returns None for headings, default routes, unused routes, and routes to link-local or own addresses.
    """
    try:
        route, flags = _ipv6(fields) if len(fields[0]) == len("0" * 32) else _ipv4(fields)
    except (ValueError, IndexError):
        return None
    is_of_link = route.to.version == 6 and (route.to.subnet_of(_LINK_LOCAL) or route.to.subnet_of(_MULTICAST))
    is_used = flags & _UP and not flags & (_REJECT | _OWN_ADDRESS) and route.device != "lo"
    return route if is_used and route.to.prefixlen and not is_of_link else None


def _ipv4(fields: list[str]) -> tuple[HostRoute, int]:
    device, destination, _, flags, *_, mask = fields[:8]
    address, netmask = (int.from_bytes(bytes.fromhex(text), "little") for text in (destination, mask))
    to = IPv4Network((address, str(IPv4Address(netmask))))
    number = int(flags, 16)
    return HostRoute(to, device, not number & _GATEWAY), number


def _ipv6(fields: list[str]) -> tuple[HostRoute, int]:
    destination, length, flags, device = fields[0], fields[1], fields[8], fields[9]
    to = IPv6Network((IPv6Address(bytes.fromhex(destination)), int(length, 16)))
    number = int(flags, 16)
    return HostRoute(to, device, not number & _GATEWAY), number
