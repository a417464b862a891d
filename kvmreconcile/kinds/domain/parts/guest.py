"""
The fields of a domain that say what machine it is and how it starts and ends.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.machine import Boot, Features
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import AbsolutePath

UUID = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")]
Lifecycle = Literal["destroy", "restart", "preserve", "rename-restart"]


class Guest(Spec):
    """What machine a guest is."""

    type: Annotated[
        Literal["kvm", "qemu", "hvf", "xen"] | None,
        At("@type"),
        Field(
            description='"kvm" uses the processor, "qemu" emulates one. Defaults to "kvm" for a new domain.'
        ),
    ] = None
    uuid: Annotated[
        UUID | None,
        At("uuid"),
        Field(
            description="UUID. Defaults to one derived from the instance and the name, given at birth and kept."
        ),
    ] = None
    title: Annotated[
        str | None, At("title"), Field(min_length=1, description="A short line for people. Defaults to none.")
    ] = None
    description: Annotated[
        str | None, At("description"), Field(min_length=1, description="A text for people. Defaults to none.")
    ] = None
    arch: Annotated[
        str | None,
        At("os/type/@arch"),
        Field(min_length=1, description="Processor architecture. Defaults to the host's."),
    ] = None
    machine: Annotated[
        str | None,
        At("os/type/@machine"),
        Field(
            min_length=1,
            description='Machine type; an alias such as "q35" is satisfied by any version of it. Defaults to "q35" for a new x86 domain.',
        ),
    ] = None
    emulator: Annotated[
        AbsolutePath | None,
        At("devices/emulator"),
        Field(description="The QEMU binary. Defaults to libvirt's choice."),
    ] = None
    firmware: Annotated[
        Literal["bios", "efi"] | None,
        At("os/@firmware"),
        Field(description="Firmware; libvirt picks the file. Defaults to BIOS."),
    ] = None
    features: Annotated[
        Features | None, At("features"), Field(description="What the machine offers the guest.")
    ] = None
    boot: Annotated[
        Boot | None, At(""), Field(description="What the guest starts from. Defaults to its first disk.")
    ] = None
    clock: Annotated[
        Literal["utc", "localtime"] | None,
        At("clock/@offset"),
        Field(description='What its clock shows at start. Defaults to "utc".'),
    ] = None
    on_poweroff: Annotated[
        Lifecycle | None,
        At("on_poweroff"),
        Field(description='After the guest powers off. Defaults to "destroy" (it stays off).'),
    ] = None
    on_reboot: Annotated[
        Lifecycle | None,
        At("on_reboot"),
        Field(description='After the guest reboots. Defaults to "restart".'),
    ] = None
    on_crash: Annotated[
        Lifecycle | Literal["coredump-destroy", "coredump-restart"] | None,
        At("on_crash"),
        Field(description='After the guest crashes. Defaults to "destroy".'),
    ] = None
