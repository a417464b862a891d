"""
Fields of a network's spec.

The output of `explain`, the JSON Schema and the reference are generated from these fields. Settings without
a field are written in `xml`.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import ObjectSpec
from kvmreconcile.kinds.network.addressing import HostAddress, Nat, Route
from kvmreconcile.kinds.network.codecs import MODE
from kvmreconcile.kinds.network.dns import Dns, Domain
from kvmreconcile.kinds.network.values import BridgeName
from kvmreconcile.schema.codecs import ON_OFF, WHOLE, YES_NO
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Mac


class NetworkSpec(ObjectSpec):
    """A virtual network, or a libvirt network for an existing bridge of the host."""

    state: Annotated[
        Literal["running", "stopped"],
        Field(description='Whether the network is active: "running" or "stopped". Defaults to "running".'),
    ] = "running"
    autostart: Annotated[
        bool | None,
        Field(
            description="Whether libvirt starts the network when the host boots. Defaults to the actual value."
        ),
    ] = None
    uuid: Annotated[
        str | None,
        At("uuid"),
        Field(
            pattern=r"^[0-9A-Fa-f]{8}-?([0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}$",
            description="UUID, which cannot be changed. Defaults to a UUID derived from the name.",
        ),
    ] = None
    mode: Annotated[
        Literal["isolated", "nat", "route", "open", "bridge"] | None,
        At("forward/@mode", MODE),
        Field(
            description=(
                'How guests reach other networks: "isolated" not at all, "nat" with the host\'s '
                'address, "route" by routing with libvirt\'s firewall rules, "open" by routing '
                'without firewall rules, "bridge" through an existing bridge of the host (see `bridge`) '
                "or through macvtap on host devices (see `devices`). Other modes (private, vepa, "
                "passthrough, hostdev) can be set in `xml`. Defaults to the actual mode; a new network "
                'is "isolated".'
            )
        ),
    ] = None
    devices: Annotated[
        list[BridgeName] | None,
        At("forward/interface/@dev"),
        Field(
            description=(
                "Network devices of the host for outgoing traffic. Unlisted devices are removed. Changed "
                "live. Defaults to none: the host's routes determine the devices."
            )
        ),
    ] = None
    nat: Annotated[
        Nat | None,
        At("forward/nat"),
        Field(description="Address translation; for mode nat only."),
    ] = None
    bridge: Annotated[
        BridgeName | None,
        At("bridge/@name"),
        Field(
            description=(
                'Name of the bridge, at most 15 characters: in the mode "bridge" an existing bridge, in '
                "other modes the bridge that libvirt creates. Defaults to a free name, which is then "
                "kept."
            )
        ),
    ] = None
    stp: Annotated[
        bool | None,
        At("bridge/@stp", ON_OFF),
        Field(description="Whether the bridge uses the spanning tree protocol. Defaults to true."),
    ] = None
    zone: Annotated[
        str | None,
        At("bridge/@zone"),
        Field(description='Firewalld zone of the bridge. Defaults to "libvirt" if firewalld runs.'),
    ] = None
    mac: Annotated[
        Mac | None,
        At("mac/@address"),
        Field(
            description=(
                "MAC address of the host in the network, which guests cache as the address of their "
                "gateway. Defaults to an address derived from the UUID, which is then kept."
            )
        ),
    ] = None
    mtu: Annotated[
        int | None,
        At("mtu/@size", WHOLE),
        Field(ge=68, le=65535, description="MTU in bytes. Defaults to the kernel's 1500."),
    ] = None
    domain: Annotated[
        Domain | None,
        At("domain"),
        Field(description="DNS domain of the guests. Defaults to none."),
    ] = None
    addresses: Annotated[
        list[HostAddress] | None,
        At("ip"),
        Field(
            description=(
                'Addresses of the host in the network, each a string with prefix length ("192.0.2.1/24", '
                '"fd00::1/64") or an object. Unlisted addresses are removed. The modes "nat" and "route" '
                "require an address. Defaults to none."
            )
        ),
    ] = None
    routes: Annotated[
        list[Route] | None,
        At("route"),
        Field(
            description="Routes of the host while the network is active. Unlisted routes are removed. Defaults to none."
        ),
    ] = None
    dns: Annotated[Dns | None, At("dns"), Field(description="DNS server of the network.")] = None
    isolate_ports: Annotated[
        bool | None,
        At("port/@isolated", YES_NO),
        Field(description="Whether guests are isolated from each other. Defaults to false."),
    ] = None

    @model_validator(mode="after")
    def _fits_its_mode(self) -> Self:
        if self.mode == "isolated" and (self.devices or self.nat):
            raise ValueError(
                'an isolated network has neither "devices" nor "nat"; remove them, or set another mode'
            )
        if self.nat and self.mode not in (None, "nat"):
            raise ValueError(f'"nat" is not valid in mode {self.mode}; remove it, or set "mode: nat"')
        if self.mode == "bridge" and self.bridge and self.devices:
            raise ValueError('mode bridge has either "bridge" or "devices"; remove one of them')
        own = {"stp": self.stp, "zone": self.zone, "mac": self.mac, "addresses": self.addresses}
        unused = [name for name, value in own.items() if value not in (None, [])]
        if self.mode == "bridge" and unused:
            raise ValueError(
                f"in mode bridge libvirt creates no bridge of its own; remove {', '.join(unused)}, "
                "or set another mode"
            )
        return self
