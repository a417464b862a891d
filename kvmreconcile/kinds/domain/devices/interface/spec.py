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
"""Models of network cards with queues; None means that `xml` or libvirt sets the model."""


class Teaming(Spec):
    """
    Pairing of two interfaces (failover), so that a guest with a virtual function can be migrated.

    The guest's driver joins the two interfaces.
    """

    type: Annotated[
        Literal["persistent", "transient"],
        At("@type"),
        Field(
            description=(
                'Role: "persistent" for the virtio interface, which stays during a migration; '
                '"transient" for the `hostdev` interface, which is unplugged.'
            )
        ),
    ]
    persistent: Annotated[
        str | None,
        At("@persistent"),
        Field(
            pattern="^ua-",
            description=(
                'Alias of the persistent interface: "ua-" and its name. Required for the transient '
                "interface. Defaults to none."
            ),
        ),
    ] = None


class Interface(Connection):
    """A network interface: its connection and the card that the guest sees."""

    mac: Annotated[
        Mac | None,
        At("mac/@address"),
        Field(
            description=(
                "MAC address. Defaults to an address derived from the domain and the name, computed "
                "when the interface is new and then kept."
            )
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
        Field(description='State of the link. Defaults to "up".'),
    ] = None
    filter: Annotated[
        str | None,
        At("filterref/@filter"),
        Field(min_length=1, description="Network filter. Defaults to none."),
    ] = None
    trust_guest_rx_filters: Annotated[
        bool | None,
        At("@trustGuestRxFilters", YES_NO),
        Field(
            description=(
                "Whether the guest may change its MAC address and its receive filters; used with "
                "`direct` only. Defaults to false."
            )
        ),
    ] = None
    mtu: Annotated[
        int | None,
        At("mtu/@size", WHOLE),
        Field(
            ge=68, le=65535, description="MTU: largest packet in bytes. Defaults to the MTU of the network."
        ),
    ] = None
    driver: Annotated[
        Literal["vhost", "qemu", "vfio"] | None,
        At("driver/@name"),
        Field(
            description=(
                'Backend of a virtio card: "vhost" is the host\'s kernel, "qemu" is QEMU itself; '
                '"vfio" is for `hostdev`. Defaults to "vhost" if the host supports it.'
            )
        ),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(
            ge=1,
            le=256,
            description=(
                "Number of queues of a virtio card, ideally one per vCPU. Older guests must enable "
                "the queues (ethtool -L). Defaults to 1."
            ),
        ),
    ] = None
    rx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@rx_queue_size", WHOLE),
        Field(description="Size of each receive queue, in frames. Defaults to 256."),
    ] = None
    tx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@tx_queue_size", WHOLE),
        Field(description="Size of each transmit queue, in frames; with `vhostuser` only. Defaults to 256."),
    ] = None
    txmode: Annotated[
        Literal["iothread", "timer"] | None,
        At("driver/@txmode"),
        Field(description='How the "qemu" backend sends frames. Defaults to "iothread".'),
    ] = None
    ioeventfd: Annotated[
        bool | None,
        At("driver/@ioeventfd", ON_OFF),
        Field(
            description=(
                "Whether I/O requests are processed outside the vCPU's thread (ioeventfd). Defaults to true."
            )
        ),
    ] = None
    event_idx: Annotated[
        bool | None,
        At("driver/@event_idx", ON_OFF),
        Field(
            description="Whether guest and host notify each other less often (event_idx). Defaults to true."
        ),
    ] = None
    offloads: Annotated[
        Offloads | None,
        At("driver"),
        Field(
            description="Segmentation and checksum offloads. Defaults to the offloads that host and guest support."
        ),
    ] = None
    coalesce: Annotated[
        int | None,
        At("coalesce/rx/frames/@max", WHOLE),
        Field(
            ge=1,
            description="Maximum number of frames that the host passes to the guest at once. Defaults to 1.",
        ),
    ] = None
    isolated: Annotated[
        bool | None,
        At("port/@isolated", YES_NO),
        Field(
            description=(
                "Whether the interface is isolated from other isolated interfaces of the same bridge. Defaults to "
                "false."
            )
        ),
    ] = None
    bandwidth: Annotated[
        Bandwidth | None, At("bandwidth"), Field(description="Traffic limits. Defaults to none.")
    ] = None
    teaming: Annotated[
        Teaming | None,
        At("teaming"),
        Field(description="Pairing with another interface (failover). Defaults to none."),
    ] = None
    rom: Annotated[Rom | None, At("rom"), Field(description="Option ROM. Defaults to QEMU's choice.")] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    def _check(self) -> "Interface":
        if self.name is None and self.mac is None:
            raise ValueError('an interface needs a "name" of your choice, or a "mac"')
        if self.queues and self.model not in _WITH_QUEUES:
            raise ValueError(
                f'"queues" is valid with "model: virtio" only, but the model is "{self.model}"; remove '
                f'"queues", or set "model: virtio"'
            )
        return self


class InterfaceFields(Spec):
    """Field of Domain for network interfaces."""

    interfaces: Annotated[
        list[Interface] | None,
        At("devices/interface"),
        Field(
            description=(
                "Network interfaces. The list is complete: unlisted interfaces are removed. Defaults "
                "to the actual interfaces."
            )
        ),
    ] = None
