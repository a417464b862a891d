"""
What users write of a machine's features, and of what it boots from.

Separate from the domain's own fields, of which these are parts.
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.codecs import ON_OFF, PRESENT, YES_NO
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import AbsolutePath


class Features(Spec):
    """What the machine offers the guest."""

    acpi: Annotated[
        bool | None,
        At("acpi", PRESENT),
        Field(description="ACPI: power button, hot-plug. Defaults to true for a new domain."),
    ] = None
    apic: Annotated[
        bool | None,
        At("apic", PRESENT),
        Field(description="An interrupt controller for each processor. Defaults to true for a new domain."),
    ] = None
    pae: Annotated[
        bool | None,
        At("pae", PRESENT),
        Field(description="Memory above 4 GiB for 32-bit guests. Defaults to false."),
    ] = None
    smm: Annotated[
        bool | None,
        At("smm/@state", ON_OFF),
        Field(description="System management mode, which secure boot needs. Defaults to libvirt's choice."),
    ] = None


class Boot(Spec):
    """What a guest starts from."""

    order: Annotated[
        list[Literal["hd", "cdrom", "network", "fd"]] | None,
        At("os/boot/@dev"),
        Field(description="Kinds of devices to try, first one first. Defaults to libvirt's order."),
    ] = None
    kernel: Annotated[
        AbsolutePath | None,
        At("os/kernel"),
        Field(description="A kernel on the host, started directly. Defaults to none."),
    ] = None
    initrd: Annotated[
        AbsolutePath | None, At("os/initrd"), Field(description="Its initial RAM disk. Defaults to none.")
    ] = None
    cmdline: Annotated[
        str | None, At("os/cmdline"), Field(min_length=1, description="Its command line. Defaults to none.")
    ] = None
    menu: Annotated[
        bool | None,
        At("os/bootmenu/@enable", YES_NO),
        Field(description="Offer the firmware's boot menu. Defaults to libvirt's choice."),
    ] = None
