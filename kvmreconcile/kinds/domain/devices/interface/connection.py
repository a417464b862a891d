"""What a network interface is connected to."""

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
    """A connection straight to an interface of the host (macvtap)."""

    dev: Annotated[str, At("@dev"), Field(min_length=1, description="The host's interface.")]
    mode: Annotated[
        Literal["vepa", "bridge", "private", "passthrough"] | None,
        At("@mode"),
        Field(
            description='How frames travel between guests on that interface: "bridge" straight, "vepa" by way of the '
            'switch, "private" not at all; "passthrough" gives it to one guest alone. Defaults to "vepa".'
        ),
    ] = None


class VhostUser(Spec):
    """A socket to a switch in user space, such as that of DPDK; the guest's memory must be shared."""

    path: Annotated[
        AbsolutePath,
        At("source/@path", also=(("source/@type", "unix"),)),
        Field(description="The socket."),
    ]
    mode: Annotated[
        Literal["client", "server"],
        At("source/@mode"),
        Field(description='"client" joins the switch\'s socket, "server" makes one for the switch to join.'),
    ]


class Connection(Element):
    """Where an interface is plugged in: one of network, bridge, direct, user, hostdev, vdpa, vhostuser and ethernet."""

    name: DeviceAlias = None
    network: Annotated[
        Name | None,
        At("source/@network", also=(("@type", "network"),)),
        Field(description="A libvirt network. Defaults to none."),
    ] = None
    bridge: Annotated[
        str | None,
        At("source/@bridge", also=(("@type", "bridge"),)),
        Field(min_length=1, description="A bridge of the host. Defaults to none."),
    ] = None
    direct: Annotated[
        Direct | None,
        At("source", also=(("@type", "direct"),)),
        Field(description="An interface of the host, by macvtap. Defaults to none."),
    ] = None
    user: Annotated[
        Literal[True] | None,
        At("@type", Text({True: "user"})),
        Field(description="QEMU's own address translation, with no way in from outside. Defaults to none."),
    ] = None
    hostdev: Annotated[
        PciAddress | None,
        At("source/address", PCI_TYPED, also=(("@type", "hostdev"),)),
        Field(
            description='A virtual function of a network card (SR-IOV) by its PCI address, such as "0000:03:10.1"; '
            "libvirt sets its MAC address and VLAN. A pool of them is a `network` that hands them out. Defaults to none."
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
        Field(description="A switch in user space. Defaults to none."),
    ] = None
    ethernet: Annotated[
        Literal[True] | None,
        At("@type", Text({True: "ethernet"})),
        Field(description="A tap device that nothing is done with, named `target`. Defaults to none."),
    ] = None
    managed: Annotated[
        bool | None,
        At("@managed", YES_NO),
        Field(
            description="With `hostdev`, let libvirt take the function from the host's driver and give it back; with "
            "`ethernet`, let it make the tap device. Defaults to false for the first and true for the second."
        ),
    ] = None
    portgroup: Annotated[
        str | None,
        At("source/@portgroup"),
        Field(
            min_length=1, description="A port group of the network. Defaults to the network's default one."
        ),
    ] = None
    vlan: Annotated[
        Vlan | None,
        At("vlan"),
        Field(
            description="VLAN tags, where the switch can do them: Open vSwitch and virtual functions, and bridges since "
            "libvirt 11.0. Defaults to those of the network or port group."
        ),
    ] = None
    virtualport: Annotated[
        Virtualport | None,
        At("virtualport"),
        Field(description="What the switch is told of the port. Defaults to what the network says."),
    ] = None
    target: Annotated[
        str | None,
        At("target/@dev"),
        Field(
            min_length=1,
            max_length=15,
            description='Name of the host\'s end; not "vnet" and a number, which libvirt gives. Defaults to such a one.',
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
                "an interface has one source: network, bridge, direct, user, hostdev, vdpa, vhostuser or ethernet"
            )
        if self.managed is not None and self.hostdev is None and self.ethernet is None:
            raise ValueError('"managed" can be used with "hostdev" and "ethernet" only; remove it')
        return self
