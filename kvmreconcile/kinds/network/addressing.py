"""
Parts of a network's spec: addresses of the host, DHCP, routes and address translation.

Separate from the spec itself to keep both short enough to read.
"""

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
    """Addresses from one to another, both included."""

    start: Annotated[Address, At("@start"), Field(description="Address. The first.")]
    end: Annotated[
        Address, At("@end"), Field(description="Address. The last; the same as the first for one.")
    ]


class PortRange(Spec):
    """Ports from one to another, both included."""

    start: Annotated[Port, At("@start", WHOLE), Field(description="Whole number, 0 to 65535. The first.")]
    end: Annotated[Port, At("@end", WHOLE), Field(description="Whole number, 0 to 65535. The last.")]


class Nat(Spec):
    """What guests' connections look like from outside."""

    addresses: Annotated[
        AddressRange | None,
        At("address"),
        Field(
            description="Range of addresses. From which guests seem to connect. Defaults to the host's own."
        ),
    ] = None
    ports: Annotated[
        PortRange | None,
        At("port"),
        Field(description="Range of ports. From which guests seem to connect. Defaults to 1024 to 65535."),
    ] = None
    ipv6: Annotated[
        bool | None,
        At("@ipv6", YES_NO),
        Field(description="Boolean. Whether IPv6 is translated too, rather than routed. Defaults to false."),
    ] = None


class DhcpRange(Element):
    """Addresses that are leased to whoever asks."""

    start: Annotated[Address, At("@start"), Field(description="Address. The first.")]
    end: Annotated[Address, At("@end"), Field(description="Address. The last.")]
    lease_time: Annotated[
        LeaseTime | None,
        At("lease", LEASE_TIME),
        Field(description='Time, such as "30min" or "12h"; "infinite" never ends. Defaults to one hour.'),
    ] = None


class DhcpHost(Element):
    """An address that is kept for one guest. A guest is known by MAC, by DUID in IPv6, or by the name it sends."""

    mac: Annotated[
        Mac | None,
        At("@mac"),
        Field(description="MAC address. Of the guest; in IPv4 only. Defaults to none."),
    ] = None
    id: Annotated[
        str | None, At("@id"), Field(description="DUID. Of the guest; in IPv6 only. Defaults to none.")
    ] = None
    name: Annotated[
        str | None,
        At("@name"),
        Field(
            description="Host name. What the guest is told it is called, and what DNS knows it by. Defaults to none."
        ),
    ] = None
    ip: Annotated[Address, At("@ip"), Field(description="Address. What the guest is given.")]
    lease_time: Annotated[
        LeaseTime | None,
        At("lease", LEASE_TIME),
        Field(description='Time, such as "30min" or "12h"; "infinite" never ends. Defaults to one hour.'),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _is_known_by_something(self) -> Self:
        if not (self.mac or self.id or self.name):
            raise ValueError("a DHCP host needs at least one of the fields mac, id and name")
        return self


class Bootp(Spec):
    """What a guest loads that boots from the network."""

    file: Annotated[str, At("@file"), Field(description="Path on the TFTP server. The boot loader.")]
    server: Annotated[
        str | None,
        At("@server"),
        Field(description="Address or host name. Of the TFTP server. Defaults to this network's own."),
    ] = None


class Dhcp(Spec):
    """How guests get addresses. At most one IPv4 and one IPv6 address of a network may have it."""

    ranges: Annotated[
        list[DhcpRange] | None,
        At("range"),
        Field(
            description="List of ranges, complete. What is leased to whoever asks. Changes at once. Defaults to none."
        ),
    ] = None
    hosts: Annotated[
        list[DhcpHost] | None,
        At("host"),
        Field(
            description="List of hosts, complete. Who always gets the same address. Changes at once. Defaults to none."
        ),
    ] = None
    bootp: Annotated[
        Bootp | None,
        At("bootp"),
        Field(description="Object. What guests load that boot from the network. Defaults to nothing."),
    ] = None


class HostAddress(Shorthand, Element):
    """An address of the host in the network; "192.0.2.1/24" alone is short for `address`."""

    short: ClassVar[str] = "address"

    address: Annotated[
        Cidr,
        At("", CIDR),
        Field(description='Address with prefix length, such as "192.0.2.1/24". The host\'s own.'),
    ]
    dhcp: Annotated[
        Dhcp | None,
        At("dhcp"),
        Field(description="Object. How guests get addresses beside it. Defaults to not at all."),
    ] = None
    tftp: Annotated[
        AbsolutePath | None,
        At("tftp/@root"),
        Field(description="Absolute path. Directory that is served by TFTP. Defaults to none."),
    ] = None


class Route(Element):
    """A route that the host gets while the network is active."""

    to: Annotated[
        Cidr, At("", CIDR), Field(description='Network, such as "198.51.100.0/24". Where it leads.')
    ]
    via: Annotated[Address, At("@gateway"), Field(description="Address. The gateway, inside the network.")]
    metric: Annotated[
        int | None,
        At("@metric", WHOLE),
        Field(ge=1, description="Whole number. The lowest wins. Defaults to the kernel's."),
    ] = None
