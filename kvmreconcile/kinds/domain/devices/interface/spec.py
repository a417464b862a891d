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
"""Models of cards; None is one that `xml` names, or libvirt."""


class Teaming(Spec):
    """Two interfaces that the guest's driver joins to one, so that a guest with a virtual function can still move."""

    type: Annotated[
        Literal["persistent", "transient"],
        At("@type"),
        Field(
            description='"persistent" for the virtio one that stays, "transient" for the `hostdev` that is unplugged.'
        ),
    ]
    persistent: Annotated[
        str | None,
        At("@persistent"),
        Field(
            pattern="^ua-",
            description='Of the transient one: "ua-" and the name of the other. Defaults to none.',
        ),
    ] = None


class Interface(Connection):
    """A network interface: what it hangs on, and the card that the guest sees."""

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
    trust_guest_rx_filters: Annotated[
        bool | None,
        At("@trustGuestRxFilters", YES_NO),
        Field(
            description="Let the guest change its MAC address and the groups it listens to, with `direct`. Defaults to false."
        ),
    ] = None
    mtu: Annotated[
        int | None,
        At("mtu/@size", WHOLE),
        Field(ge=68, le=65535, description="Largest packet in bytes. Defaults to the network's."),
    ] = None
    driver: Annotated[
        Literal["vhost", "qemu", "vfio"] | None,
        At("driver/@name"),
        Field(
            description='Who moves the frames of a virtio card: "vhost" the kernel, "qemu" the emulator; "vfio" for '
            '`hostdev`. Defaults to "vhost" where the host has it.'
        ),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(
            ge=1,
            le=256,
            description="Queues of a virtio card, best as many as virtual processors; older guests must turn them on "
            "(ethtool -L). Defaults to one.",
        ),
    ] = None
    rx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@rx_queue_size", WHOLE),
        Field(description="Frames that each queue holds for the guest. Defaults to 256."),
    ] = None
    tx_queue_size: Annotated[
        Literal[256, 512, 1024] | None,
        At("driver/@tx_queue_size", WHOLE),
        Field(
            description="Frames that each queue holds from the guest; with `vhostuser` only. Defaults to 256."
        ),
    ] = None
    txmode: Annotated[
        Literal["iothread", "timer"] | None,
        At("driver/@txmode"),
        Field(description='How the driver "qemu" sends. Defaults to "iothread".'),
    ] = None
    ioeventfd: Annotated[
        bool | None,
        At("driver/@ioeventfd", ON_OFF),
        Field(
            description="Have the guest's requests served beside the processor that asks. Defaults to true."
        ),
    ] = None
    event_idx: Annotated[
        bool | None,
        At("driver/@event_idx", ON_OFF),
        Field(description="Let guest and host tell one another less often. Defaults to true."),
    ] = None
    offloads: Annotated[
        Offloads | None,
        At("driver"),
        Field(description="Who cuts up frames. Defaults to the host, as far as the guest can use it."),
    ] = None
    coalesce: Annotated[
        int | None,
        At("coalesce/rx/frames/@max", WHOLE),
        Field(
            ge=1, description="How many frames the host hands to the guest at once, at most. Defaults to one."
        ),
    ] = None
    isolated: Annotated[
        bool | None,
        At("port/@isolated", YES_NO),
        Field(
            description="Keep it from all other isolated interfaces of the same bridge; it reaches those that are not. "
            "Defaults to false."
        ),
    ] = None
    bandwidth: Annotated[
        Bandwidth | None, At("bandwidth"), Field(description="Limits of traffic. Defaults to none.")
    ] = None
    teaming: Annotated[
        Teaming | None, At("teaming"), Field(description="Join it with another interface. Defaults to none.")
    ] = None
    rom: Annotated[
        Rom | None, At("rom"), Field(description="The card's own firmware. Defaults to what QEMU has for it.")
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
            description="Network interfaces; the list is complete once it is written. Defaults to leaving them alone."
        ),
    ] = None
