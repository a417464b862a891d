"""The IOMMU."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At


class Iommu(Element):
    """An IOMMU, for guests that pass devices through to nested guests."""

    model: Annotated[
        Literal["intel", "virtio", "smmuv3"],
        At("@model"),
        Field(
            description='Model; "intel" on q35. A guest with more than 255 vCPUs needs one with `intremap` and `eim`.'
        ),
    ]
    intremap: Annotated[
        bool | None,
        At("driver/@intremap", ON_OFF),
        Field(description='Interrupt remapping; needs `features.ioapic` "qemu". Defaults to false.'),
    ] = None
    caching_mode: Annotated[
        bool | None,
        At("driver/@caching_mode", ON_OFF),
        Field(
            description="Caching mode, in which the guest reports each change of a mapping; needed for `hostdevs`. Defaults to false."
        ),
    ] = None
    eim: Annotated[
        bool | None,
        At("driver/@eim", ON_OFF),
        Field(description="Extended interrupt mode (32-bit APIC IDs). Defaults to false."),
    ] = None
    iotlb: Annotated[
        bool | None,
        At("driver/@iotlb", ON_OFF),
        Field(description="Cache address translations for virtio devices (device IOTLB). Defaults to false."),
    ] = None
    aw_bits: Annotated[
        int | None,
        At("driver/@aw_bits", WHOLE),
        Field(ge=39, le=57, description="Address width in bits. Defaults to QEMU's choice."),
    ] = None


class IommuFields(Spec):
    """The field of the IOMMU."""

    iommu: Annotated[
        Iommu | None,
        At("devices/iommu"),
        Field(description="IOMMU that translates the addresses that devices use. Defaults to none."),
    ] = None


SECTION = Section(IommuFields)
