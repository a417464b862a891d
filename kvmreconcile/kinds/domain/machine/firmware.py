"""The firmware of a domain."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import HostFile, HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO
from kvmreconcile.schema.collections import Member
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import Identity, Reset, Rules, Table, paths


class Loader(Shorthand):
    """A custom firmware file. A plain path is short for `path`."""

    short: ClassVar[str] = "path"

    path: Annotated[
        AbsolutePath | None, At(""), Field(description="File on the host. Defaults to libvirt's choice.")
    ] = None
    type: Annotated[
        Literal["rom", "pflash"] | None,
        At("@type"),
        Field(
            description='How the file is mapped: "pflash" for UEFI with persistent variables. Defaults to "rom".'
        ),
    ] = None
    readonly: Annotated[
        bool | None,
        At("@readonly", YES_NO),
        Field(description="Whether the file is read-only for the guest. Defaults to false."),
    ] = None
    secure: Annotated[
        bool | None,
        At("@secure", YES_NO),
        Field(
            description="Whether only system management mode may write the UEFI variables. Defaults to false."
        ),
    ] = None
    stateless: Annotated[
        bool | None,
        At("@stateless", YES_NO),
        Field(description="Whether the firmware has no persistent variables. Defaults to false."),
    ] = None


class Nvram(Shorthand):
    """The file with the guest's UEFI variables. A plain path is short for `path`."""

    short: ClassVar[str] = "path"

    path: Annotated[
        AbsolutePath | None,
        At(""),
        Field(description="File on the host. Defaults to a name that libvirt chooses."),
    ] = None
    template: Annotated[
        AbsolutePath | None,
        At("@template"),
        Field(
            description=(
                "Template from which the file is created if it does not exist. Defaults to the template "
                "of the loader."
            )
        ),
    ] = None


class Firmware(Shorthand):
    """Firmware of the guest. A plain string is short for `type`."""

    short: ClassVar[str] = "type"

    type: Annotated[
        Literal["bios", "efi"] | None,
        At("os/@firmware"),
        Field(
            description=(
                "Type of firmware, for which libvirt chooses the file. Defaults to BIOS, or to the type of "
                "`loader`."
            )
        ),
    ] = None
    secure_boot: Annotated[
        bool | None,
        At("os/firmware/feature/@enabled", Member("@name", "secure-boot", YES_NO)),
        Field(
            description=(
                "Whether the firmware supports secure boot. Secure boot requires a q35 machine, and "
                "also enables system management mode. Defaults to libvirt's choice."
            )
        ),
    ] = None
    enrolled_keys: Annotated[
        bool | None,
        At("os/firmware/feature/@enabled", Member("@name", "enrolled-keys", YES_NO)),
        Field(
            description=(
                "Whether the keys of the usual vendors are enrolled, so that only signed code boots. "
                "Requires `secureBoot`. Defaults to libvirt's choice."
            )
        ),
    ] = None
    loader: Annotated[
        Loader | None,
        At("os/loader"),
        Field(description="Custom firmware file. Defaults to libvirt's choice for the `type`."),
    ] = None
    nvram: Annotated[
        Nvram | None,
        At("os/nvram"),
        Field(
            description=(
                "File for UEFI variables, such as boot entries and keys. Defaults to a file that libvirt "
                "creates and keeps."
            )
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Firmware":
        if self.type != "efi" and (self.secure_boot is not None or self.enrolled_keys is not None):
            raise ValueError(
                '"secureBoot" and "enrolledKeys" are valid with "type: efi" only; set "type: efi", '
                "or remove them"
            )
        if self.enrolled_keys and self.secure_boot is False:
            raise ValueError(
                '"enrolledKeys: true" and "secureBoot: false" cannot be combined; remove one of them'
            )
        return self


class FirmwareFields(Spec):
    """Field of Domain for firmware."""

    firmware: Annotated[
        Firmware | None,
        At(""),
        Field(description='Firmware: "bios", "efi", or an object. Defaults to "bios".'),
    ] = None


SECTION = Section(
    FirmwareFields,
    Rules(
        members=Table({"firmware/feature": shared_list(("@name",))}),
        resets=Table(
            {"": (Reset("@firmware", ("loader", "nvram", "firmware")), Reset("loader", ("nvram/@template",)))}
        ),
        identities=Table({"nvram": (Identity("NVRAM file", ("",), proves=True, always=True),)}),
        # Files of the firmware.
        live_ignored=paths("@firmware", "firmware", "loader", "nvram"),
        whole=paths("loader", "nvram"),
    ).below("os"),
    host_parts=(
        HostPart(
            "os/@firmware",
            "efi",
            "os",
            "firmware",
            "UEFI firmware for its architecture and machine type",
            "install it (Debian, Ubuntu: ovmf; Fedora, RHEL: edk2-ovmf; "
            "for aarch64: qemu-efi-aarch64, edk2-aarch64)",
        ),
    ),
    files=(HostFile("os", "loader", "firmware"),),
)
