"""The fields of a network interface."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.interface.connection import Connection
from kvmreconcile.kinds.domain.devices.interface.traffic import Bandwidth, Offloads
from kvmreconcile.kinds.domain.devices.naming import BootOrder
from kvmreconcile.kinds.domain.devices.pci import Rom
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE, YES_NO
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Mac

_WITH_QUEUES = (None, "virtio", "virtio-transitional", "virtio-non-transitional")
"""Models of network cards; None means one that `xml` or libvirt sets."""


class Teaming(Spec):
    """A failover pair of interfaces, so that a guest with a virtual function can be migrated."""

    type: Annotated[
        Literal["persistent", "transient"],
        At("@type"),
        Field(
            description='"persistent" for the virtio interface that is kept, "transient" for the `hostdev` interface that is unplugged for a migration.'
        ),
    ]
    persistent: Annotated[
        str | None,
        At("@persistent"),
        Field(
            pattern="^ua-",
            description='For "transient": the alias of the persistent interface, "ua-" and its name. Defaults to none.',
        ),
    ] = None


class Interface(Connection):
    """A network interface: its connection, and the card that the guest sees."""

    mac: Annotated[
        Mac | None,
        At("mac/@address"),
        Field(
            description="MAC address. Defaults to one derived from the names of the domain and the interface, which is then kept."
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model/@type"),
        Field(
            min_length=1, description='Model of the network card. Defaults to "virtio" for a new interface.'
        ),
    ] = None
    link: Annotated[
        Literal["up", "down"] | None,
        At("link/@state"),
        Field(description='Link state. Defaults to "up".'),
    ] = None
    filter: Annotated[
        str | None,
        At("filterref/@filter"),
        Field(min_length=1, description="Name of a network filter (nwfilter). Defaults to none."),
    ] = None
    trust_guest_rx_filters: Annotated[
        bool | None,
        At("@trustGuestRxFilters", YES_NO),
        Field(
            description="With `direct`, let the guest change its MAC address and receive filters. Defaults to false."
        ),
    ] = None
    mtu: Annotated[
        int | None,
        At("mtu/@size", WHOLE),
        Field(ge=68, le=65535, description="MTU in bytes. Defaults to that of the network."),
    ] = None
    driver: Annotated[
        Literal["vhost", "qemu", "vfio"] | None,
        At("driver/@name"),
        Field(
            description='Backend: "vhost" (the host\'s kernel) or "qemu" for a virtio interface, "vfio" for `hostdev`. Defaults to "vhost" if the host supports it.'
        ),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(
            ge=1,
            le=256,
            description="Number of queues of a virtio interface, at best that of vCPUs. Older guests must enable them (ethtool -L). Defaults to one.",
        ),
    ] = None
    rx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@rx_queue_size", WHOLE),
        Field(description="Size of each receive queue. Defaults to 256."),
    ] = None
    tx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@tx_queue_size", WHOLE),
        Field(description="Size of each transmit queue; for `vhostuser` only. Defaults to 256."),
    ] = None
    txmode: Annotated[
        Literal["iothread", "timer"] | None,
        At("driver/@txmode"),
        Field(description='How the driver "qemu" handles transmitted frames. Defaults to "iothread".'),
    ] = None
    ioeventfd: Annotated[
        bool | None,
        At("driver/@ioeventfd", ON_OFF),
        Field(
            description="Handle the guest's requests in a thread other than that of the vCPU. Defaults to true."
        ),
    ] = None
    event_idx: Annotated[
        bool | None,
        At("driver/@event_idx", ON_OFF),
        Field(description="Reduce interrupts and notifications between guest and host. Defaults to true."),
    ] = None
    offloads: Annotated[
        Offloads | None,
        At("driver"),
        Field(
            description="Offloads of a virtio interface, such as segmentation and checksums. Defaults to all that host and guest support."
        ),
    ] = None
    coalesce: Annotated[
        int | None,
        At("coalesce/rx/frames/@max", WHOLE),
        Field(ge=1, description="Largest number of received frames per interrupt. Defaults to one."),
    ] = None
    isolated: Annotated[
        bool | None,
        At("port/@isolated", YES_NO),
        Field(
            description="Isolate the interface from other isolated interfaces of the same bridge. It can reach those that are not isolated. Defaults to false."
        ),
    ] = None
    bandwidth: Annotated[
        Bandwidth | None, At("bandwidth"), Field(description="Traffic limits. Defaults to none.")
    ] = None
    teaming: Annotated[
        Teaming | None,
        At("teaming"),
        Field(description="Failover pair with another interface (virtio-net failover). Defaults to none."),
    ] = None
    rom: Annotated[
        Rom | None, At("rom"), Field(description="Option ROM of the network card. Defaults to QEMU's choice.")
    ] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    def _check(self) -> "Interface":
        if self.name is None and self.mac is None:
            raise ValueError('an interface needs a "name" of your choice, or its "mac"')
        if self.queues and self.model not in _WITH_QUEUES:
            raise ValueError(
                f'only a virtio card has "queues", and this one is "{self.model}"; '
                'remove "queues", or set "model: virtio"'
            )
        return self


class InterfaceFields(Spec):
    """The field of network interfaces."""

    interfaces: Annotated[
        list[Interface] | None,
        At("devices/interface"),
        Field(
            description="Network interfaces. Unlisted interfaces are removed. Defaults to the actual ones."
        ),
    ] = None
