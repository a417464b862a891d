"""Connections of a network interface."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.interface.switch import Virtualport, Vlan
from kvmreconcile.kinds.domain.devices.naming import DeviceAlias
from kvmreconcile.kinds.domain.devices.pci import PCI_TYPED, PciAddress
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO, Text
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Name


class Direct(Spec):
    """A direct connection to an interface of the host (macvtap)."""

    dev: Annotated[str, At("@dev"), Field(min_length=1, description="Interface of the host.")]
    mode: Annotated[
        Literal["vepa", "bridge", "private", "passthrough"] | None,
        At("@mode"),
        Field(
            description=(
                "Mode of macvtap. It determines how guests on the same host interface reach each "
                'other: "bridge" directly, "vepa" through the external switch, "private" not at all. '
                '"passthrough" assigns the interface to one guest. Defaults to "vepa".'
            )
        ),
    ] = None


class VhostUser(Spec):
    """A socket of a userspace switch such as DPDK. The guest's memory must be shared."""

    path: Annotated[
        AbsolutePath,
        At("source/@path", also=(("source/@type", "unix"),)),
        Field(description="Path of the socket."),
    ]
    mode: Annotated[
        Literal["client", "server"],
        At("source/@mode"),
        Field(
            description=(
                'Role of QEMU: "client" connects to the switch\'s socket, "server" creates a '
                "socket to which the switch connects."
            )
        ),
    ]


class Connection(Element):
    """
    What an interface is connected to.

    At most one of the sources, such as network or bridge, can be set.
    """

    name: DeviceAlias = None
    network: Annotated[
        Name | None,
        At("source/@network", also=(("@type", "network"),)),
        Field(description="Name of a libvirt network. Defaults to none."),
    ] = None
    bridge: Annotated[
        str | None,
        At("source/@bridge", also=(("@type", "bridge"),)),
        Field(min_length=1, description="Name of a bridge of the host. Defaults to none."),
    ] = None
    direct: Annotated[
        Direct | None,
        At("source", also=(("@type", "direct"),)),
        Field(description="Host interface, used through macvtap. Defaults to none."),
    ] = None
    user: Annotated[
        Literal[True] | None,
        At("@type", Text({True: "user"})),
        Field(
            description=(
                "User-mode networking: address translation by QEMU, without incoming connections. "
                "Defaults to none."
            )
        ),
    ] = None
    hostdev: Annotated[
        PciAddress | None,
        At("source/address", PCI_TYPED, also=(("@type", "hostdev"),)),
        Field(
            description=(
                "PCI address of a virtual function of a network card (SR-IOV), such as "
                '"0000:03:10.1"; libvirt sets the MAC address and VLAN of the function. For a pool '
                "of virtual functions, use `network`. Defaults to none."
            )
        ),
    ] = None
    vdpa: Annotated[
        AbsolutePath | None,
        At("source/@dev", also=(("@type", "vdpa"),)),
        Field(description='A vDPA device, such as "/dev/vhost-vdpa-0". Defaults to none.'),
    ] = None
    vhostuser: Annotated[
        VhostUser | None,
        At("", also=(("@type", "vhostuser"),)),
        Field(description="Userspace switch (vhost-user). Defaults to none."),
    ] = None
    ethernet: Annotated[
        Literal[True] | None,
        At("@type", Text({True: "ethernet"})),
        Field(
            description="A tap device, named by `target`, that libvirt does not connect to anything. Defaults to none."
        ),
    ] = None
    managed: Annotated[
        bool | None,
        At("@managed", YES_NO),
        Field(
            description=(
                "With `hostdev`: whether libvirt detaches the virtual function from the host's "
                "driver, and reattaches it later. With `ethernet`: whether libvirt creates the tap "
                "device. Defaults to false for `hostdev` and true for `ethernet`."
            )
        ),
    ] = None
    portgroup: Annotated[
        str | None,
        At("source/@portgroup"),
        Field(
            min_length=1,
            description="Port group of the network. Defaults to the network's default port group.",
        ),
    ] = None
    vlan: Annotated[
        Vlan | None,
        At("vlan"),
        Field(
            description=(
                "VLAN tags, if the switch supports them: Open vSwitch, virtual functions, and "
                "bridges since libvirt 11.0. Defaults to the tags of the network or port group."
            )
        ),
    ] = None
    virtualport: Annotated[
        Virtualport | None,
        At("virtualport"),
        Field(description="Parameters of the switch port. Defaults to the parameters of the network."),
    ] = None
    target: Annotated[
        str | None,
        At("target/@dev"),
        Field(
            min_length=1,
            max_length=15,
            description=(
                'Name of the host\'s tap device. Names such as "vnet0" are reserved for libvirt. '
                "Defaults to a name that libvirt chooses."
            ),
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check_source(self) -> "Connection":
        ends = (
            self.network,
            self.bridge,
            self.direct,
            self.user,
            self.hostdev,
            self.vdpa,
            self.vhostuser,
            self.ethernet,
        )
        if sum(end is not None for end in ends) > 1:
            raise ValueError(
                "an interface can have only one source: network, bridge, direct, user, hostdev, "
                "vdpa, vhostuser or ethernet"
            )
        if self.managed is not None and self.hostdev is None and self.ethernet is None:
            raise ValueError('"managed" is valid with "hostdev" and "ethernet" only; remove "managed"')
        return self
