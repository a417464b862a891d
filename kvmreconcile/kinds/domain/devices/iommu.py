"""The IOMMU."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At


class Iommu(Element):
    """A virtual IOMMU, for guests that assign devices to their own guests."""

    model: Annotated[
        Literal["intel", "virtio", "smmuv3"],
        At("@model"),
        Field(
            description=(
                'Model. "intel" requires q35. Guests with more than 255 vCPUs require "intel" with '
                "`intremap` and `eim`."
            )
        ),
    ]
    intremap: Annotated[
        bool | None,
        At("driver/@intremap", ON_OFF),
        Field(
            description='Whether interrupts are remapped; requires `features.ioapic` "qemu". Defaults to false.'
        ),
    ] = None
    caching_mode: Annotated[
        bool | None,
        At("driver/@caching_mode", ON_OFF),
        Field(
            description=(
                "Whether the host is notified of each mapping (caching mode), which `hostdevs` require. Defaults "
                "to false."
            )
        ),
    ] = None
    eim: Annotated[
        bool | None,
        At("driver/@eim", ON_OFF),
        Field(
            description="Whether interrupts use 32-bit identifiers (extended interrupt mode). Defaults to false."
        ),
    ] = None
    iotlb: Annotated[
        bool | None,
        At("driver/@iotlb", ON_OFF),
        Field(
            description="Whether virtio devices can cache address translations (device IOTLB). Defaults to false."
        ),
    ] = None
    aw_bits: Annotated[
        int | None,
        At("driver/@aw_bits", WHOLE),
        Field(ge=39, le=57, description="Address width in bits. Defaults to QEMU's choice."),
    ] = None


class IommuFields(Spec):
    """Field of Domain for the IOMMU."""

    iommu: Annotated[
        Iommu | None,
        At("devices/iommu"),
        Field(description="Virtual IOMMU. Defaults to none."),
    ] = None


SECTION = Section(IommuFields)
