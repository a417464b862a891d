"""Fields of a network's spec: host addresses, DHCP, routes and address translation."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.network.codecs import CIDR, LEASE_TIME
from kvmreconcile.kinds.network.values import Address, Cidr, LeaseTime, Port
from kvmreconcile.schema.codecs import WHOLE, YES_NO
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import AbsolutePath, Mac


class AddressRange(Spec):
    """A range of addresses, including both ends."""

    start: Annotated[Address, At("@start"), Field(description="First address.")]
    end: Annotated[
        Address,
        At("@end"),
        Field(description="Last address. For a single address, equal to the first address."),
    ]


class PortRange(Spec):
    """A range of ports, including both ends."""

    start: Annotated[Port, At("@start", WHOLE), Field(description="First port, 0 to 65535.")]
    end: Annotated[Port, At("@end", WHOLE), Field(description="Last port, 0 to 65535.")]


class Nat(Spec):
    """Address translation (NAT) of guests' connections."""

    addresses: Annotated[
        AddressRange | None,
        At("address"),
        Field(
            description="Range of source addresses for guests' outgoing connections. Defaults to the host's own address."
        ),
    ] = None
    ports: Annotated[
        PortRange | None,
        At("port"),
        Field(
            description="Range of source ports for guests' outgoing connections. Defaults to 1024 to 65535."
        ),
    ] = None
    ipv6: Annotated[
        bool | None,
        At("@ipv6", YES_NO),
        Field(description="Whether IPv6 traffic is translated instead of routed. Defaults to false."),
    ] = None


class DhcpRange(Element):
    """Addresses that are leased to any guest."""

    start: Annotated[Address, At("@start"), Field(description="First address.")]
    end: Annotated[Address, At("@end"), Field(description="Last address.")]
    lease_time: Annotated[
        LeaseTime | None,
        At("lease", LEASE_TIME),
        Field(
            description='Lease time, such as "30min" or "12h"; "infinite" never expires. Defaults to one hour.'
        ),
    ] = None


class DhcpHost(Element):
    """
    An address reservation for one guest.

    The guest is identified by its MAC address, by its DUID (IPv6), or by the host name that it sends.
    """

    mac: Annotated[
        Mac | None,
        At("@mac"),
        Field(description="MAC address of the guest; for IPv4 only. Defaults to none."),
    ] = None
    id: Annotated[
        str | None,
        At("@id"),
        Field(description="DHCPv6 client ID (DUID) of the guest; for IPv6 only. Defaults to none."),
    ] = None
    name: Annotated[
        str | None,
        At("@name"),
        Field(
            description="Host name, which DHCP sends to the guest and the network's DNS server resolves. Defaults to none."
        ),
    ] = None
    ip: Annotated[Address, At("@ip"), Field(description="Address that the guest receives.")]
    lease_time: Annotated[
        LeaseTime | None,
        At("lease", LEASE_TIME),
        Field(
            description='Lease time, such as "30min" or "12h"; "infinite" never expires. Defaults to one hour.'
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _has_an_identifier(self) -> Self:
        if not (self.mac or self.id or self.name):
            raise ValueError('a DHCP host needs at least one of "mac", "id" and "name"')
        return self


class Bootp(Spec):
    """Network boot of guests."""

    file: Annotated[str, At("@file"), Field(description="Path of the boot file on the TFTP server.")]
    server: Annotated[
        str | None,
        At("@server"),
        Field(
            description="Address or host name of the TFTP server. Defaults to the TFTP server of this network."
        ),
    ] = None


class Dhcp(Spec):
    """
    DHCP server for guests.

    At most one IPv4 address and one IPv6 address of a network can have a DHCP server.
    """

    ranges: Annotated[
        list[DhcpRange] | None,
        At("range"),
        Field(
            description="Ranges of addresses that are leased to any guest. Unlisted ranges are removed. Changed live. Defaults to none."
        ),
    ] = None
    hosts: Annotated[
        list[DhcpHost] | None,
        At("host"),
        Field(
            description="Address reservations. Unlisted reservations are removed. Changed live. Defaults to none."
        ),
    ] = None
    bootp: Annotated[
        Bootp | None,
        At("bootp"),
        Field(description="Network boot of guests. Defaults to none."),
    ] = None


class HostAddress(Shorthand, Element):
    """An address of the host in the network. A plain string such as "192.0.2.1/24" is short for `address`."""

    short: ClassVar[str] = "address"

    address: Annotated[
        Cidr,
        At("", CIDR),
        Field(
            description='Address of the host in the network with its prefix length, such as "192.0.2.1/24".'
        ),
    ]
    dhcp: Annotated[
        Dhcp | None,
        At("dhcp"),
        Field(description="DHCP server on this address. Defaults to none."),
    ] = None
    tftp: Annotated[
        AbsolutePath | None,
        At("tftp/@root"),
        Field(description="Absolute path of a directory to serve by TFTP. Defaults to none."),
    ] = None


class Route(Element):
    """A route of the host while the network is active."""

    to: Annotated[
        Cidr, At("", CIDR), Field(description='Destination of the route, such as "198.51.100.0/24".')
    ]
    via: Annotated[
        Address, At("@gateway"), Field(description="Address of the gateway, which must be in the network.")
    ]
    metric: Annotated[
        int | None,
        At("@metric", WHOLE),
        Field(
            ge=1,
            description=(
                "Metric: an integer; the route with the lowest metric is used. Defaults to the kernel's "
                "choice."
            ),
        ),
    ] = None
