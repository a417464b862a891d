"""What users write of the buses that devices hang on. Separate from the devices; few need it, since libvirt adds what they need."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.naming import DeviceAlias
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At


class Controller(Element):
    """A controller; those that are not named stay, and libvirt adds what devices need."""

    name: DeviceAlias = None
    type: Annotated[
        Literal["pci", "scsi", "usb", "virtio-serial", "sata", "ide", "fdc", "ccid", "isa", "xenbus"],
        At("@type"),
        Field(description="The bus."),
    ]
    index: Annotated[
        int | None,
        At("@index", WHOLE),
        Field(ge=0, description="Its number among those of its type. Defaults to the next free one."),
    ] = None
    model: Annotated[
        str | None,
        At("@model"),
        Field(
            min_length=1,
            description='Its make, such as "virtio-scsi", "qemu-xhci", "pcie-root-port". Defaults to libvirt\'s choice.',
        ),
    ] = None
    ports: Annotated[
        int | None,
        At("@ports", WHOLE),
        Field(ge=1, description="Of virtio-serial and USB, how many. Defaults to QEMU's choice."),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(ge=1, description="Of virtio-scsi. Defaults to one for each virtual processor."),
    ] = None
    iothread: Annotated[
        int | None,
        At("driver/@iothread", WHOLE),
        Field(
            ge=1,
            description="Which of the `iothreads` serves virtio-scsi. Defaults to the emulator's own thread.",
        ),
    ] = None
    ioeventfd: Annotated[
        bool | None,
        At("driver/@ioeventfd", ON_OFF),
        Field(
            description="Have the guest's requests served beside the processor that asks. Defaults to true."
        ),
    ] = None
    hotplug: Annotated[
        bool | None,
        At("target/@hotplug", ON_OFF),
        Field(
            description="Whether devices can be plugged into a PCI port while the guest runs. Defaults to true."
        ),
    ] = None
    node: Annotated[
        int | None,
        At("target/node", WHOLE),
        Field(ge=0, description="The guest's NUMA cell that a PCI expander bus is near. Defaults to none."),
    ] = None
    bus_nr: Annotated[
        int | None,
        At("target/@busNr", WHOLE),
        Field(
            ge=1,
            le=254,
            description="Number that the guest gives a PCI expander bus. Defaults to libvirt's choice.",
        ),
    ] = None


class Hotplug(Spec):
    """Room for devices that are plugged in while the guest runs."""

    slots: Annotated[
        int,
        Field(
            ge=0,
            le=32,
            description="Ports of PCI Express that a new guest is made with. Each disk of virtio, interface or other "
            "card takes one, and what is left takes those plugged in later. It counts at birth alone, since ports "
            "never come to a guest that runs. Defaults to 12.",
        ),
    ] = 12


class Iommu(Element):
    """A unit that keeps the guest's own devices from its memory, for guests that pass devices on to theirs."""

    model: Annotated[
        Literal["intel", "virtio", "smmuv3"],
        At("@model"),
        Field(
            description='"intel" on q35; with more than 255 processors it is needed, with `intremap` and `eim`.'
        ),
    ]
    intremap: Annotated[
        bool | None,
        At("driver/@intremap", ON_OFF),
        Field(description='Translate interrupts, with `features.ioapic` "qemu". Defaults to false.'),
    ] = None
    caching_mode: Annotated[
        bool | None,
        At("driver/@caching_mode", ON_OFF),
        Field(description="Tell the host of each change, which `hostdevs` need. Defaults to false."),
    ] = None
    eim: Annotated[
        bool | None, At("driver/@eim", ON_OFF), Field(description="Interrupts of 32 bits. Defaults to false.")
    ] = None
    iotlb: Annotated[
        bool | None,
        At("driver/@iotlb", ON_OFF),
        Field(description="Cache address translations for virtio devices (device IOTLB). Defaults to false."),
    ] = None
    aw_bits: Annotated[
        int | None,
        At("driver/@aw_bits", WHOLE),
        Field(ge=39, le=57, description="Bits of addresses. Defaults to QEMU's choice."),
    ] = None
