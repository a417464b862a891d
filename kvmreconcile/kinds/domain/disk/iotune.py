"""I/O limits of a disk."""

from typing import Annotated

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size

BYTES = Bytes("B", beside="")

Count = Annotated[int, Field(ge=0)]

RATE = "Limit on data {}, in bytes per second. Defaults to no limit."

OPS = "Limit on {} requests per second. Defaults to no limit."

_MAX = "Limit during a burst. `{}` limits the duration of a burst. Defaults to QEMU's choice."

_LENGTH = "Maximum duration of a burst, in seconds. Defaults to 1."


class Iotune(Spec):
    """
    I/O limits of a disk, enforced by QEMU.

    `total` limits cannot be combined with `read` or `write` limits of the same kind.
    """

    total_bytes_sec: Annotated[
        Size | None, At("total_bytes_sec", BYTES), Field(description=RATE.format("read and written"))
    ] = None
    read_bytes_sec: Annotated[
        Size | None, At("read_bytes_sec", BYTES), Field(description=RATE.format("read"))
    ] = None
    write_bytes_sec: Annotated[
        Size | None, At("write_bytes_sec", BYTES), Field(description=RATE.format("written"))
    ] = None
    total_iops_sec: Annotated[
        Count | None, At("total_iops_sec", WHOLE), Field(description=OPS.format("all"))
    ] = None
    read_iops_sec: Annotated[
        Count | None, At("read_iops_sec", WHOLE), Field(description=OPS.format("read"))
    ] = None
    write_iops_sec: Annotated[
        Count | None, At("write_iops_sec", WHOLE), Field(description=OPS.format("write"))
    ] = None
    total_bytes_sec_max: Annotated[
        Size | None,
        At("total_bytes_sec_max", BYTES),
        Field(description=_MAX.format("totalBytesSecMaxLength")),
    ] = None
    read_bytes_sec_max: Annotated[
        Size | None, At("read_bytes_sec_max", BYTES), Field(description=_MAX.format("readBytesSecMaxLength"))
    ] = None
    write_bytes_sec_max: Annotated[
        Size | None,
        At("write_bytes_sec_max", BYTES),
        Field(description=_MAX.format("writeBytesSecMaxLength")),
    ] = None
    total_iops_sec_max: Annotated[
        Count | None, At("total_iops_sec_max", WHOLE), Field(description=_MAX.format("totalIopsSecMaxLength"))
    ] = None
    read_iops_sec_max: Annotated[
        Count | None, At("read_iops_sec_max", WHOLE), Field(description=_MAX.format("readIopsSecMaxLength"))
    ] = None
    write_iops_sec_max: Annotated[
        Count | None, At("write_iops_sec_max", WHOLE), Field(description=_MAX.format("writeIopsSecMaxLength"))
    ] = None
    total_bytes_sec_max_length: Annotated[
        Count | None, At("total_bytes_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    read_bytes_sec_max_length: Annotated[
        Count | None, At("read_bytes_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    write_bytes_sec_max_length: Annotated[
        Count | None, At("write_bytes_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    total_iops_sec_max_length: Annotated[
        Count | None, At("total_iops_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    read_iops_sec_max_length: Annotated[
        Count | None, At("read_iops_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    write_iops_sec_max_length: Annotated[
        Count | None, At("write_iops_sec_max_length", WHOLE), Field(description=_LENGTH)
    ] = None
    size_iops_sec: Annotated[
        Size | None,
        At("size_iops_sec", BYTES),
        Field(
            description=(
                "Size above which a request counts as several requests. Defaults to none: each request "
                "counts once."
            )
        ),
    ] = None
    group_name: Annotated[
        str | None,
        At("group_name"),
        Field(
            min_length=1,
            description=(
                "Name of a group. Disks of the guest with the same group name share the limits, and "
                "all of them must set the same limits. Defaults to none: the limits apply to this "
                "disk only."
            ),
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Iotune":
        for what in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
            total, read, write = (getattr(self, f"{side}_{what}") for side in ("total", "read", "write"))
            if total and (read or write):
                names = (f"total_{what}", f"{'read' if read else 'write'}_{what}")
                both = " and ".join(f'"{type(self).model_fields[name].alias}"' for name in names)
                raise ValueError(f"{both} cannot be combined; remove one of them")
        return self
