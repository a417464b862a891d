"""Devices of the host that are passed through to the guest."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_port, has_value, is_card
from kvmreconcile.kinds.domain.devices.naming import BootOrder, DeviceAlias
from kvmreconcile.kinds.domain.devices.pci import PCI, PciAddress, Rom
from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, PCI_SOURCE, Keys
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.spellings import NUMBER
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, PRESENT, WHOLE, YES_NO
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Change, Identity, Members, Node, Owner, Rules, Table

UsbId = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{4}$", examples=["0x046d"])]


class UsbSource(Spec):
    """A USB device, identified by vendor and product, by bus and device number, or by both."""

    vendor: Annotated[
        UsbId | None,
        At("vendor/@id"),
        Field(description='Vendor ID: four hexadecimal digits, such as "0x046d". Defaults to any.'),
    ] = None
    product: Annotated[
        UsbId | None,
        At("product/@id"),
        Field(description='Product ID: four hexadecimal digits, such as "0xc52b". Defaults to any.'),
    ] = None
    bus: Annotated[
        int | None, At("address/@bus", WHOLE), Field(ge=1, description="Bus number. Defaults to any.")
    ] = None
    device: Annotated[
        int | None,
        At("address/@device", WHOLE),
        Field(
            ge=1,
            description="Device number on the bus. It changes when the device is plugged in again. Defaults to any.",
        ),
    ] = None
    startup_policy: Annotated[
        Literal["mandatory", "requisite", "optional"] | None,
        At("@startupPolicy"),
        Field(
            description=(
                'Whether the device must exist when the guest starts: "optional" starts the guest '
                'without the device. Defaults to "mandatory".'
            )
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "UsbSource":
        if (self.vendor is None) != (self.product is None) or (self.bus is None) != (self.device is None):
            raise ValueError('give "vendor" with "product", and "bus" with "device"')
        if self.vendor is None and self.bus is None:
            raise ValueError('set "vendor" and "product", or "bus" and "device"')
        return self


class MdevSource(Spec):
    """A mediated device, such as a virtual GPU."""

    uuid: Annotated[
        str,
        At("source/address/@uuid"),
        Field(min_length=36, max_length=36, description="UUID on the host."),
    ]
    model: Annotated[
        Literal["vfio-pci", "vfio-ccw", "vfio-ap"],
        At("@model"),
        Field(description='Device API; "vfio-pci" for GPUs.'),
    ]
    display: Annotated[
        bool | None,
        At("@display", ON_OFF),
        Field(
            description=(
                "Whether the guest's VNC or SPICE console (`graphics`) displays the output of the device. "
                "Defaults to false."
            )
        ),
    ] = None
    ramfb: Annotated[
        bool | None,
        At("@ramfb", ON_OFF),
        Field(
            description=(
                "Whether the console displays the guest before its driver is loaded (ramfb); "
                "requires `display`. Defaults to false."
            )
        ),
    ] = None


class ScsiSource(Spec):
    """A SCSI device of the host."""

    adapter: Annotated[
        str, At("adapter/@name"), Field(min_length=1, description='SCSI host adapter, such as "scsi_host0".')
    ]
    bus: Annotated[int, At("address/@bus", WHOLE), Field(ge=0, description="Bus on the adapter.")] = 0
    target: Annotated[int, At("address/@target", WHOLE), Field(ge=0, description="Target on the bus.")] = 0
    unit: Annotated[
        int, At("address/@unit", WHOLE), Field(ge=0, description="Logical unit (LUN) of the target.")
    ] = 0


class Hostdev(Element):
    """A host device; exactly one of pci, usb, mdev and scsi is set."""

    name: DeviceAlias = None
    pci: Annotated[
        PciAddress | None,
        At("source/address", PCI, also=(("@type", "pci"),)),
        Field(
            description=(
                'PCI address, such as "0000:03:00.0" (`virsh nodedev-list --cap pci`). All devices '
                "of an IOMMU group must be assigned to guests or detached from the host's drivers. "
                "Defaults to none."
            )
        ),
    ] = None
    usb: Annotated[
        UsbSource | None,
        At("source", also=(("@type", "usb"),)),
        Field(description="A USB device. Defaults to none."),
    ] = None
    mdev: Annotated[
        MdevSource | None,
        At("", also=(("@type", "mdev"),)),
        Field(description="A mediated device. Defaults to none."),
    ] = None
    scsi: Annotated[
        ScsiSource | None,
        At("source", also=(("@type", "scsi"),)),
        Field(description="A SCSI device. Defaults to none."),
    ] = None
    managed: Annotated[
        bool | None,
        At("@managed", YES_NO),
        Field(
            description=(
                "Whether libvirt detaches a PCI device from the host's driver when the guest starts, "
                "and reattaches it when the guest stops. Defaults to false: the administrator must "
                "detach it."
            )
        ),
    ] = None
    driver: Annotated[
        str | None,
        At("driver/@name"),
        Field(min_length=1, description='Driver for the assignment of a PCI device. Defaults to "vfio".'),
    ] = None
    rom: Annotated[
        Rom | None, At("rom"), Field(description="Option ROM. Defaults to the ROM of the device.")
    ] = None
    readonly: Annotated[
        bool | None,
        At("readonly", PRESENT),
        Field(description="Whether a SCSI device is read-only for the guest. Defaults to false."),
    ] = None
    shareable: Annotated[
        bool | None,
        At("shareable", PRESENT),
        Field(description="Whether several guests may use a SCSI device. Defaults to false."),
    ] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Hostdev":
        if sum(source is not None for source in (self.pci, self.usb, self.mdev, self.scsi)) != 1:
            raise ValueError(
                "a host device needs exactly one of pci, usb, mdev and scsi; describe other types in "
                '"xml" only'
            )
        return self


class HostdevFields(Spec):
    """Field of Domain for host devices."""

    hostdevs: Annotated[
        list[Hostdev] | None,
        At("devices/hostdev"),
        Field(
            description=(
                "Host devices. The list is complete: unlisted devices are removed. Defaults to the "
                "actual devices."
            )
        ),
    ] = None


def _is_pci(hostdev: Node) -> bool:
    return hostdev.attr("type") == "pci"


def _has_room(change: Change, domain: Node) -> bool:
    """Return whether a host device can be attached: a PCI device or mediated device needs a free port."""
    return not has_value("@type", "pci", "mdev")(change, domain) or has_port(change, domain)


_KEYS: Keys = (PCI_SOURCE, ("source/address/@uuid",), ("source/vendor/@id", "source/product/@id"))
SECTION = Section(
    HostdevFields,
    Rules(
        members=Table(
            {
                "": Members(
                    (ALIAS, *_KEYS),
                    Owner.SPEC,
                    fallback=_KEYS,
                    running=(ALIAS, *_KEYS),
                    advice=ADVICE.format("host device"),
                )
            }
        ),
        scalars=Table({"source/*/@id": NUMBER}),
        identities=Table({"": (Identity("PCI device", PCI_SOURCE, when=_is_pci),)}),
        actions=Table({"": attach_and_detach(_has_room)}),
    ).below("devices/hostdev"),
    takes_port={"hostdev": is_card},
)
