"""Limits of a domain's I/O on the host's disks, and groups of its disks with shared limits."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.disk.iotune import BYTES, OPS, RATE, Count
from kvmreconcile.kinds.domain.members import complete_list, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Rules, Table, Update, paths

Weight = Annotated[int, Field(ge=100, le=1000)]


class BlkioDevice(Spec):
    """Weight and limits for one block device of the host."""

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
    """Weight and limits of the guest's I/O on the host's block devices, enforced by cgroups."""

    weight: Annotated[
        Weight | None,
        At("weight", WHOLE),
        Field(description="I/O weight relative to other guests, 100 to 1000. Defaults to the host's, 500."),
    ] = None
    devices: Annotated[
        list[BlkioDevice] | None,
        At("device"),
        Field(
            description="Weights and limits for single block devices. Unlisted ones are removed. Defaults to none."
        ),
    ] = None


class BlockIoFields(Spec):
    """The field of block I/O."""

    blkiotune: Annotated[
        Blkiotune | None,
        At("blkiotune"),
        Field(description="Limits and weights of the guest's block I/O on the host. Defaults to none."),
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
