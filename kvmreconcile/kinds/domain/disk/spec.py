"""The fields of a disk."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.naming import BootOrder, DeviceAlias
from kvmreconcile.kinds.domain.disk.iotune import Iotune
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, PRESENT, WHOLE, Bytes
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Name, Size


class VolumeSource(Spec):
    """A volume of a storage pool."""

    pool: Annotated[Name, At("@pool"), Field(description="Name of the pool.")]
    name: Annotated[Name, At("@volume"), Field(description="Name of the volume in the pool.")]


class Disk(Element):
    """
    A disk, CD-ROM or floppy.

    It has at most one of volume, file and block; an empty drive has none of them.
    """

    name: DeviceAlias = None
    device: Annotated[
        Literal["disk", "cdrom", "floppy", "lun"] | None,
        At("@device"),
        Field(description='Type of the device in the guest. Defaults to "disk".'),
    ] = None
    volume: Annotated[
        VolumeSource | None,
        At("source", also=(("@type", "volume"),)),
        Field(description="Volume of a storage pool. Defaults to none."),
    ] = None
    file: Annotated[
        AbsolutePath | None,
        At("source/@file", also=(("@type", "file"),)),
        Field(description="Image file on the host. Defaults to none."),
    ] = None
    block: Annotated[
        AbsolutePath | None,
        At("source/@dev", also=(("@type", "block"),)),
        Field(description="Block device of the host. Defaults to none."),
    ] = None
    target: Annotated[
        str | None,
        At("target/@dev"),
        Field(
            pattern=r"^[a-z]+$",
            description=(
                'Target: the name of the disk in libvirt ("vda"). The guest may use another name. '
                "Defaults to the first free name, computed when the disk is new and then kept."
            ),
        ),
    ] = None
    bus: Annotated[
        Literal["virtio", "scsi", "sata", "ide", "usb", "fdc", "sd"] | None,
        At("target/@bus"),
        Field(
            description=(
                'Bus. Defaults to the bus that the prefix of `target` implies, such as "virtio" for '
                '"vd"; without `target`, to "virtio" for a new disk and "sata" for a new CD-ROM.'
            )
        ),
    ] = None
    format: Annotated[
        str | None,
        At("driver/@type"),
        Field(
            description="Format of the image. Defaults to the format of the volume or to the suffix of the "
            'file (such as ".qcow2"), otherwise to "raw"; computed when the disk is new.'
        ),
    ] = None
    cache: Annotated[
        Literal["default", "none", "writethrough", "writeback", "directsync", "unsafe"] | None,
        At("driver/@cache"),
        Field(description="Cache mode on the host. Defaults to QEMU's choice."),
    ] = None
    io: Annotated[
        Literal["threads", "native", "io_uring"] | None,
        At("driver/@io"),
        Field(
            description='I/O mode of the host. "native" requires the cache mode "none" or "directsync". '
            "Defaults to QEMU's choice."
        ),
    ] = None
    discard: Annotated[
        Literal["ignore", "unmap"] | None,
        At("driver/@discard"),
        Field(
            description='What happens to blocks that the guest discards. Defaults to "unmap" for a new disk.'
        ),
    ] = None
    detect_zeroes: Annotated[
        Literal["off", "on", "unmap"] | None,
        At("driver/@detect_zeroes"),
        Field(
            description='How zeroes that the guest writes are stored: "on" stores them efficiently, "unmap" '
            'also discards the blocks if `discard` is "unmap". Both use CPU time to detect '
            'zeroes. Defaults to "off".'
        ),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(ge=1, description="Number of queues of a virtio disk. Defaults to one per vCPU."),
    ] = None
    queue_size: Annotated[
        int | None,
        At("driver/@queue_size", WHOLE),
        Field(ge=2, le=1024, description="Size of each queue, a power of 2. Defaults to 256."),
    ] = None
    iothread: Annotated[
        int | None,
        At("driver/@iothread", WHOLE),
        Field(
            ge=1,
            description=(
                "ID of the I/O thread (`iothreads`) that serves a virtio disk. Disks on a SCSI bus "
                "use the I/O thread of their controller. Defaults to the emulator's main thread."
            ),
        ),
    ] = None
    error_policy: Annotated[
        Literal["stop", "report", "ignore", "enospace"] | None,
        At("driver/@error_policy"),
        Field(
            description=(
                'Action on an I/O error of the host: "stop" pauses the guest, "report" passes the '
                'error to the guest, "enospace" pauses the guest if the host is out of space and '
                'passes other errors to the guest. Defaults to "enospace".'
            )
        ),
    ] = None
    rerror_policy: Annotated[
        Literal["stop", "report", "ignore"] | None,
        At("driver/@rerror_policy"),
        Field(description="Action on a read error. Defaults to `errorPolicy`."),
    ] = None
    copy_on_read: Annotated[
        bool | None,
        At("driver/@copy_on_read", ON_OFF),
        Field(
            description="Whether data read from a backing image is copied into the disk's own image. Defaults to false."
        ),
    ] = None
    readonly: Annotated[
        bool | None,
        At("readonly", PRESENT),
        Field(
            description=(
                "Whether the disk is read-only for the guest. Defaults to true for a CD-ROM, otherwise "
                "to false."
            )
        ),
    ] = None
    shareable: Annotated[
        bool | None,
        At("shareable", PRESENT),
        Field(description="Whether several guests may use the disk at the same time. Defaults to false."),
    ] = None
    serial: Annotated[
        str | None,
        At("serial"),
        Field(min_length=1, description="Serial number that the guest sees. Defaults to none."),
    ] = None
    wwn: Annotated[
        str | None,
        At("wwn"),
        Field(
            pattern="^(0x)?[0-9a-fA-F]{16}$",
            description="World wide name: 16 hexadecimal digits; not supported on a virtio bus. Defaults to none.",
        ),
    ] = None
    rotation_rate: Annotated[
        int | None,
        At("target/@rotation_rate", WHOLE),
        Field(
            ge=1,
            le=65534,
            description=(
                "Rotation rate that the guest sees, in revolutions per minute; 1 for a solid-state "
                "disk. Not supported on a virtio bus. Defaults to none."
            ),
        ),
    ] = None
    removable: Annotated[
        bool | None,
        At("target/@removable", ON_OFF),
        Field(description="Whether the guest sees a SCSI or USB disk as removable. Defaults to false."),
    ] = None
    logical_block_size: Annotated[
        Size | None,
        At("blockio/@logical_block_size", Bytes("B", beside="")),
        Field(description="Logical block size that the guest sees, such as 4KiB. Defaults to 512B."),
    ] = None
    physical_block_size: Annotated[
        Size | None,
        At("blockio/@physical_block_size", Bytes("B", beside="")),
        Field(description="Physical block size that the guest sees. Defaults to `logicalBlockSize`."),
    ] = None
    startup_policy: Annotated[
        Literal["mandatory", "requisite", "optional"] | None,
        At("source/@startupPolicy"),
        Field(
            description=(
                "Whether the medium of a CD-ROM or floppy must exist when the guest starts: "
                '"optional" starts the guest without the medium, "requisite" does so only after a '
                'migration. Defaults to "mandatory".'
            )
        ),
    ] = None
    iotune: Annotated[Iotune | None, At("iotune"), Field(description="I/O limits. Defaults to none.")] = None
    boot_order: BootOrder = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Disk":
        if sum(source is not None for source in (self.volume, self.file, self.block)) > 1:
            raise ValueError("a disk has at most one source: volume, file or block")
        if self.name is None and self.target is None:
            raise ValueError('a disk needs a "name" of your choice, or a "target" such as "vda"')
        if self.io == "native" and self.cache not in (None, "none", "directsync"):
            raise ValueError(
                f'"io: native" requires "cache: none" or "cache: directsync", not "cache: {self.cache}"'
            )
        if self.iothread and self.bus not in (None, "virtio"):
            raise ValueError(
                f'"iothread" is valid with "bus: virtio" only, but the bus is "{self.bus}"; remove '
                f'"iothread", or for SCSI, set "iothread" on the controller'
            )
        return self


class DiskFields(Spec):
    """Field of Domain for disks."""

    disks: Annotated[
        list[Disk] | None,
        At("devices/disk"),
        Field(
            description="Disks. The list is complete: unlisted disks are removed. Defaults to the actual disks."
        ),
    ] = None
