"""Limits of a domain on the host's block devices, and limits that several of its disks share."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.disk.iotune import BYTES, OPS, RATE, Count
from kvmreconcile.kinds.domain.member_keys import complete_list, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Rules, Table, Update, paths

Weight = Annotated[int, Field(ge=100, le=1000)]


class BlkioDevice(Spec):
    """Limits of a guest on one block device of the host."""

    path: Annotated[
        AbsolutePath, At("path"), Field(description="Block device of the host, such as /dev/sda.")
    ]
    weight: Annotated[
        Weight | None,
        At("weight", WHOLE),
        Field(description="Weight on this device, 100 to 1000. Defaults to `blkiotune.weight`."),
    ] = None
    read_bytes_sec: Annotated[
        Size | None, At("read_bytes_sec", BYTES), Field(description=RATE.format("read"))
    ] = None
    write_bytes_sec: Annotated[
        Size | None, At("write_bytes_sec", BYTES), Field(description=RATE.format("written"))
    ] = None
    read_iops_sec: Annotated[
        Count | None, At("read_iops_sec", WHOLE), Field(description=OPS.format("read"))
    ] = None
    write_iops_sec: Annotated[
        Count | None, At("write_iops_sec", WHOLE), Field(description=OPS.format("write"))
    ] = None


class Blkiotune(Spec):
    """Limits of a guest on the host's block devices, enforced by cgroups."""

    weight: Annotated[
        Weight | None,
        At("weight", WHOLE),
        Field(
            description=(
                "Weight relative to other guests if a device is busy, 100 to 1000. Defaults to the "
                "weight of the host, 500."
            )
        ),
    ] = None
    devices: Annotated[
        list[BlkioDevice] | None,
        At("device"),
        Field(
            description=(
                "Limits for individual devices. The list is complete: limits of unlisted devices are "
                "removed. Defaults to none."
            )
        ),
    ] = None


class BlockIoFields(Spec):
    """Field of Domain for block I/O."""

    blkiotune: Annotated[
        Blkiotune | None,
        At("blkiotune"),
        Field(description="Limits on the host's block devices. Defaults to none: guests have equal shares."),
    ] = None


_CALL = f"{SOURCE}#virDomainSetBlkioParameters"
_WEIGHT = (Update("set-blkio", on="+~", at="blkiotune", source=_CALL),)
_DEVICE = (Update("set-blkio", at="blkiotune", source=_CALL),)
# Older versions have no such groups.
_GROUP = (
    Update(
        "set-throttle", at="throttlegroups/*", since=(11, 2, 0), source=f"{SOURCE}#virDomainSetThrottleGroup"
    ),
)
SECTION = Section(
    BlockIoFields,
    Rules(
        members=Table(
            {
                "blkiotune/device": complete_list(("path",)),
                "throttlegroups/throttlegroup": shared_list(("group_name",)),
            }
        ),
        containers=paths("blkiotune", "throttlegroups"),
        actions=Table(
            {
                "blkiotune/weight": _WEIGHT,
                "blkiotune/device": _DEVICE,
                "blkiotune/device/*": _DEVICE,
                "throttlegroups/throttlegroup": _GROUP,
                "throttlegroups/throttlegroup/*": _GROUP,
            }
        ),
    ),
)
