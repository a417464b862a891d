"""What users write of limits of disks: of one disk by QEMU, of all by cgroups. Separate because they are many alike."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size

_BYTES = Bytes("B", beside="")
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[int, Field(ge=100, le=1000)]
_RATE = "How much is {} in a second. Defaults to no limit."
_OPS = "How many requests {} in a second. Defaults to no limit."


class BlkioDevice(Spec):
    """What a guest may take of one disk of the host."""

    path: Annotated[AbsolutePath, At("path"), Field(description="The host's block device, such as /dev/sda.")]
    weight: Annotated[
        Weight | None,
        At("weight", WHOLE),
        Field(description="100 to 1000. Its weight there. Defaults to `blkiotune.weight`."),
    ] = None
    read_bytes_sec: Annotated[
        Size | None, At("read_bytes_sec", _BYTES), Field(description=_RATE.format("read"))
    ] = None
    write_bytes_sec: Annotated[
        Size | None, At("write_bytes_sec", _BYTES), Field(description=_RATE.format("written"))
    ] = None
    read_iops_sec: Annotated[
        Count | None, At("read_iops_sec", WHOLE), Field(description=_OPS.format("read"))
    ] = None
    write_iops_sec: Annotated[
        Count | None, At("write_iops_sec", WHOLE), Field(description=_OPS.format("write"))
    ] = None


class Blkiotune(Spec):
    """What a guest may take of the host's disks, enforced by cgroups on the host's block devices."""

    weight: Annotated[
        Weight | None,
        At("weight", WHOLE),
        Field(
            description="100 to 1000. Weight against other guests where a disk is busy. Defaults to the host's, 500."
        ),
    ] = None
    devices: Annotated[
        list[BlkioDevice] | None,
        At("device"),
        Field(description="Single disks of the host; complete once written. Defaults to none."),
    ] = None
