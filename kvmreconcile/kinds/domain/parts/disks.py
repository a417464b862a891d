"""What users write of a guest's disks. Separate because disks have more to say than other devices."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.codecs import PRESENT
from kvmreconcile.kinds.domain.parts.naming import BootOrder, DeviceAlias
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import AbsolutePath, Name


class VolumeSource(Spec):
    """A volume of a storage pool."""

    pool: Annotated[Name, At("@pool"), Field(description="The pool's name.")]
    name: Annotated[Name, At("@volume"), Field(description="The volume's name in that pool.")]


class Disk(Spec):
    """A disk, CD-ROM or floppy. At most one of volume, file and block; none is an empty drive."""

    name: DeviceAlias = None
    device: Annotated[
        Literal["disk", "cdrom", "floppy", "lun"] | None,
        At("@device"),
        Field(description='What the guest sees. Defaults to "disk".'),
    ] = None
    volume: Annotated[
        VolumeSource | None,
        At("source", also=(("@type", "volume"),)),
        Field(description="A volume of a storage pool. Defaults to none."),
    ] = None
    file: Annotated[
        AbsolutePath | None,
        At("source/@file", also=(("@type", "file"),)),
        Field(description="An image file on the host. Defaults to none."),
    ] = None
    block: Annotated[
        AbsolutePath | None,
        At("source/@dev", also=(("@type", "block"),)),
        Field(description="A block device of the host. Defaults to none."),
    ] = None
    target: Annotated[
        str | None,
        At("target/@dev"),
        Field(
            pattern=r"^[a-z]+$",
            description='The name libvirt knows the disk by ("vda"); the guest may use another. Defaults to '
            "the first free one, given when the disk is new and kept.",
        ),
    ] = None
    bus: Annotated[
        Literal["virtio", "scsi", "sata", "ide", "usb", "fdc", "sd"] | None,
        At("target/@bus"),
        Field(
            description='The bus it hangs on. Defaults to "virtio" for a new disk and "sata" for a new CD-ROM, '
            "and to what its target's name suggests where that is given."
        ),
    ] = None
    format: Annotated[
        str | None,
        At("driver/@type"),
        Field(
            description="The image's format. Defaults, for a new disk, to that of its volume, or to what the "
            'file\'s name ends with (".qcow2"), else "raw".'
        ),
    ] = None
    cache: Annotated[
        Literal["default", "none", "writethrough", "writeback", "directsync", "unsafe"] | None,
        At("driver/@cache"),
        Field(description="How the host caches the disk. Defaults to QEMU's choice."),
    ] = None
    io: Annotated[
        Literal["threads", "native", "io_uring"] | None,
        At("driver/@io"),
        Field(
            description='How the host reads and writes; "native" needs a cache of "none" or "directsync". '
            "Defaults to QEMU's choice."
        ),
    ] = None
    discard: Annotated[
        Literal["ignore", "unmap"] | None,
        At("driver/@discard"),
        Field(description='What becomes of blocks the guest gives up. Defaults to "unmap" for a new disk.'),
    ] = None
    readonly: Annotated[
        bool | None,
        At("readonly", PRESENT),
        Field(description="The guest cannot write to it. Defaults to false, and true for a CD-ROM."),
    ] = None
    shareable: Annotated[
        bool | None,
        At("shareable", PRESENT),
        Field(description="Several guests may use it at once. Defaults to false."),
    ] = None
    serial: Annotated[
        str | None,
        At("serial"),
        Field(min_length=1, description="The serial number the guest sees. Defaults to none."),
    ] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    def _check(self) -> "Disk":
        if sum(source is not None for source in (self.volume, self.file, self.block)) > 1:
            raise ValueError("a disk has one source: volume, file or block")
        if self.name is None and self.target is None:
            raise ValueError('a disk needs a "name" of your choice, or a "target" such as "vda"')
        return self
