"""Fields of a network's spec: DNS server and domain."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.network.values import Address, Port
from kvmreconcile.schema.codecs import WHOLE, YES_NO
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At


class Forwarder(Element):
    """A DNS server that queries are forwarded to."""

    address: Annotated[
        Address | None,
        At("@addr"),
        Field(
            description=(
                "Address of the DNS server. Defaults to none: the host's resolver answers queries for "
                "the domain."
            )
        ),
    ] = None
    domain: Annotated[
        str | None,
        At("@domain"),
        Field(
            description=(
                "Domain. Only queries for names in this domain are forwarded. Defaults to none: all queries "
                "are forwarded."
            )
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _is_not_empty(self) -> Self:
        if not (self.address or self.domain):
            raise ValueError("a forwarder needs an address, a domain, or both")
        return self


class DnsHost(Element):
    """An address with its host names."""

    ip: Annotated[Address, At("@ip"), Field(description="Address to which the names resolve.")]
    names: Annotated[
        list[str],
        At("hostname"),
        Field(min_length=1, description="Host names of the address. Unlisted names are removed."),
    ]


class DnsTxt(Element):
    """A TXT record."""

    name: Annotated[str, At("@name"), Field(description="Name of the record, without blanks.")]
    value: Annotated[str, At("@value"), Field(description="Value of the record.")]


class DnsSrv(Element):
    """An SRV record: the host and port of a service."""

    service: Annotated[str, At("@service"), Field(description='Name of the service, such as "ldap".')]
    protocol: Annotated[
        Literal["tcp", "udp"], At("@protocol"), Field(description='Protocol of the service, "tcp" or "udp".')
    ]
    domain: Annotated[
        str | None,
        At("@domain"),
        Field(description="Domain of the service. Defaults to the network's domain."),
    ] = None
    target: Annotated[
        str | None,
        At("@target"),
        Field(description="Host name of the server. Defaults to none: the service does not exist."),
    ] = None
    port: Annotated[
        Port | None,
        At("@port", WHOLE),
        Field(description="Port of the service. Defaults to 1 if there is a target."),
    ] = None
    priority: Annotated[
        Port | None,
        At("@priority", WHOLE),
        Field(
            description="Priority of the server. The server with the lowest value is used first. Defaults to 0."
        ),
    ] = None
    weight: Annotated[
        Port | None,
        At("@weight", WHOLE),
        Field(description="Weight of the server among servers of the same priority. Defaults to 0."),
    ] = None


class Dns(Spec):
    """The network's DNS server."""

    enable: Annotated[
        bool | None,
        At("@enable", YES_NO),
        Field(
            description="Whether the network has a DNS server; if false, no other field of `dns` may be set. Defaults to true."
        ),
    ] = None
    forward_plain_names: Annotated[
        bool | None,
        At("@forwardPlainNames", YES_NO),
        Field(description="Whether queries for names without a dot are forwarded. Defaults to true."),
    ] = None
    forwarders: Annotated[
        list[Forwarder] | None,
        At("forwarder"),
        Field(
            description="Servers that are queried instead of the host's resolver. Unlisted servers are removed. Defaults to none."
        ),
    ] = None
    hosts: Annotated[
        list[DnsHost] | None,
        At("host"),
        Field(
            description=(
                "Additional host names, besides names from DHCP. Unlisted entries are removed. Changed "
                "live. Defaults to none."
            )
        ),
    ] = None
    txt: Annotated[
        list[DnsTxt] | None,
        At("txt"),
        Field(description="TXT records. Unlisted records are removed. Changed live. Defaults to none."),
    ] = None
    srv: Annotated[
        list[DnsSrv] | None,
        At("srv"),
        Field(description="SRV records. Unlisted records are removed. Changed live. Defaults to none."),
    ] = None


class Domain(Spec):
    """The DNS domain of the guests."""

    name: Annotated[str, At("@name"), Field(description='Name of the domain, such as "lab.example.org".')]
    local_only: Annotated[
        bool | None,
        At("@localOnly", YES_NO),
        Field(
            description=(
                "Whether queries for unknown names in the domain are answered locally instead of being "
                "forwarded. Defaults to false."
            )
        ),
    ] = None
