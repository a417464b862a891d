"""What users write of a guest's network interfaces. Separate because they point to networks, and disks to volumes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.codecs import WHOLE, Text
from kvmreconcile.kinds.domain.parts.naming import BootOrder, DeviceAlias
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import Mac, Name


class Direct(Spec):
    """A connection straight to an interface of the host (macvtap)."""

    dev: Annotated[str, At("@dev"), Field(min_length=1, description="The host's interface.")]
    mode: Annotated[
        Literal["vepa", "bridge", "private", "passthrough"] | None,
        At("@mode"),
        Field(description='How frames travel between guests on that interface. Defaults to "vepa".'),
    ] = None


class Interface(Spec):
    """A network interface: on a libvirt network, on a bridge of the host, or straight on an interface."""

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
    mac: Annotated[
        Mac | None,
        At("mac/@address"),
        Field(
            description="MAC address. Defaults to one derived from the domain and the name, given when the interface is new and kept."
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model/@type"),
        Field(min_length=1, description='The card the guest sees. Defaults to "virtio" for a new interface.'),
    ] = None
    portgroup: Annotated[
        str | None,
        At("source/@portgroup"),
        Field(min_length=1, description="A port group of the network. Defaults to none."),
    ] = None
    link: Annotated[
        Literal["up", "down"] | None,
        At("link/@state"),
        Field(description='Whether the cable is in. Defaults to "up".'),
    ] = None
    filter: Annotated[
        str | None,
        At("filterref/@filter"),
        Field(min_length=1, description="A network filter. Defaults to none."),
    ] = None
    mtu: Annotated[
        int | None,
        At("mtu/@size", WHOLE),
        Field(ge=68, le=65535, description="Largest packet in bytes. Defaults to the network's."),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(ge=1, le=256, description="Queues of a virtio card. Defaults to one."),
    ] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    def _check(self) -> "Interface":
        if sum(source is not None for source in (self.network, self.bridge, self.direct, self.user)) > 1:
            raise ValueError("an interface has one source: network, bridge, direct or user")
        if self.name is None and self.mac is None:
            raise ValueError('an interface needs a "name" of your choice, or its "mac"')
        return self
