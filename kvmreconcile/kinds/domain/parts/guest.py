"""
The fields of a domain that say what machine it is and how it starts and ends.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.boot import Boot, Firmware
from kvmreconcile.kinds.domain.parts.clock import Clock
from kvmreconcile.kinds.domain.parts.codecs import GENERATION
from kvmreconcile.kinds.domain.parts.features import Features
from kvmreconcile.kinds.domain.parts.security import LaunchSecurity, Seclabel
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import UUID, AbsolutePath

Lifecycle = Literal["destroy", "restart", "preserve", "rename-restart"]


class PowerManagement(Spec):
    """Ways to sleep that the firmware offers the guest."""

    suspend_to_mem: Annotated[
        bool | None, At("suspend-to-mem/@enabled", YES_NO), Field(description="Sleep (S3). Defaults to true.")
    ] = None
    suspend_to_disk: Annotated[
        bool | None,
        At("suspend-to-disk/@enabled", YES_NO),
        Field(description="Hibernate (S4). Defaults to true."),
    ] = None


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
        Firmware | None,
        At(""),
        Field(description='Firmware: "bios", "efi", or more about it. Defaults to BIOS.'),
    ] = None
    features: Annotated[
        Features | None, At("features"), Field(description="What the machine offers the guest.")
    ] = None
    boot: Annotated[
        Boot | None, At(""), Field(description="What the guest starts from. Defaults to its first disk.")
    ] = None
    clock: Annotated[
        Clock | None,
        At("clock"),
        Field(description='What its clock shows, and its timers. Defaults to "utc".'),
    ] = None
    pm: Annotated[
        PowerManagement | None, At("pm"), Field(description="What its firmware offers. Defaults to all.")
    ] = None
    genid: Annotated[
        Literal[True] | UUID | None,
        At("genid", GENERATION),
        Field(
            description="A UUID by which the guest notices that it went back to an earlier state; true lets libvirt make "
            "one. Defaults to none."
        ),
    ] = None
    launch_security: Annotated[
        LaunchSecurity | None, At("launchSecurity"), Field(description="Encrypted memory. Defaults to none.")
    ] = None
    seclabels: Annotated[
        list[Seclabel] | None,
        At("seclabel"),
        Field(
            description="How the host keeps it apart. Defaults to a label of its own by the host's driver."
        ),
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
