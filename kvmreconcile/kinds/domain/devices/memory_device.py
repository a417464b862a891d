"""Memory devices, such as DIMMs."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import (
    CALL,
    attach_and_detach,
    has_value,
    needs_port,
    update_device,
)
from kvmreconcile.kinds.domain.devices.naming import DeviceAlias
from kvmreconcile.kinds.domain.member_keys import ADVICE, ALIAS, Keys
from kvmreconcile.kinds.domain.section import NameSource, Section
from kvmreconcile.kinds.domain.spellings import AT_START, BITMAP
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Measure, Members, Owner, Rules, Table, Update


class MemoryDevice(Element):
    """A memory device that can be attached and detached. Requires `memory.maximum`."""

    name: DeviceAlias = None
    model: Annotated[
        Literal["dimm", "virtio-mem", "nvdimm", "virtio-pmem", "sgx-epc"],
        At("@model"),
        Field(
            description=(
                'Model: "dimm" is attached as a whole, and few guests can release it; "virtio-mem" '
                'can grow and shrink in blocks; "nvdimm" and "virtio-pmem" are backed by a file that '
                'is kept when the guest stops; "sgx-epc" is memory for SGX enclaves.'
            )
        ),
    ]
    size: Annotated[
        Size,
        At("target/size", Bytes()),
        Field(description='Size; for "virtio-mem", the maximum size. Must be a multiple of `block`.'),
    ]
    node: Annotated[
        int | None,
        At("target/node", WHOLE),
        Field(
            ge=0,
            description='NUMA node of the guest. Required with the model "dimm". Defaults to none.',
        ),
    ] = None
    requested: Annotated[
        Size | None,
        At("target/requested", Bytes()),
        Field(description='Size of "virtio-mem" that the guest should have now. Defaults to none.'),
    ] = None
    block: Annotated[
        Size | None,
        At("target/block", Bytes()),
        Field(description='Block size of "virtio-mem". Defaults to the size of a huge page.'),
    ] = None
    label: Annotated[
        Size | None,
        At("target/label/size", Bytes()),
        Field(description='Size of the label area of an "nvdimm". Defaults to none.'),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        At("source/path"),
        Field(description='File that backs "nvdimm" and "virtio-pmem". Defaults to none.'),
    ] = None
    pagesize: Annotated[
        Size | None,
        At("source/pagesize", Bytes()),
        Field(
            description="Size of the host's pages that back the memory. Defaults to the page size of the guest's memory."
        ),
    ] = None
    nodemask: Annotated[
        str | None,
        At("source/nodemask"),
        Field(
            min_length=1,
            description="NUMA nodes of the host that provide the memory. Defaults to `numatune`.",
        ),
    ] = None
    access: Annotated[
        Literal["shared", "private"] | None,
        At("@access"),
        Field(
            description="Whether other processes can access the memory. Defaults to `memoryBacking.access`."
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("@discard", YES_NO),
        Field(
            description=(
                "Whether the content of the memory is discarded when the guest stops. Defaults to "
                "`memoryBacking.discard`."
            )
        ),
    ] = None


class MemoryDeviceFields(Spec):
    """Field of Domain for memory devices."""

    memory_devices: Annotated[
        list[MemoryDevice] | None,
        At("devices/memory"),
        Field(
            description=(
                "Memory devices, in addition to `memory`. The list is complete: unlisted devices are "
                "removed. Defaults to the actual devices."
            )
        ),
    ] = None


_KEYS: Keys = (("@model", "target/size", "target/node"), ("@model", "target/size"))
SECTION = Section(
    MemoryDeviceFields,
    Rules(
        members=Table(
            {
                "": Members(
                    (ALIAS,), Owner.SPEC, fallback=_KEYS, running=(ALIAS,), advice=ADVICE.format("size")
                )
            }
        ),
        scalars=Table({"source/nodemask": BITMAP}),
        measures=Table({"target/size": AT_START, "target/*": Measure(), "source/pagesize": Measure()}),
        actions=Table(
            {
                "": (
                    *attach_and_detach(has_value("@model", "dimm")),
                    Update(
                        "attach",
                        on="+",
                        when=needs_port(has_value("@model", "virtio-mem", "virtio-pmem")),
                        source=CALL.format("Attach"),
                    ),
                ),
                "target/requested": update_device(on="~"),
            }
        ),
    ).below("devices/memory"),
    names={"memory": NameSource(("@model",), "memory")},
)
