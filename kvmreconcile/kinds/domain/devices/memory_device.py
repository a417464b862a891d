"""Memory modules and other memory that is a device."""

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
    """Memory that can be plugged in and out; `memory.maximum` makes room for it."""

    name: DeviceAlias = None
    model: Annotated[
        Literal["dimm", "virtio-mem", "nvdimm", "virtio-pmem", "sgx-epc"],
        At("@model"),
        Field(
            description='"dimm" as a whole, which few guests ever give back; "virtio-mem" in blocks, up and down; "nvdimm" '
            'and "virtio-pmem" from a file that outlives the guest; "sgx-epc" for enclaves.'
        ),
    ]
    size: Annotated[
        Size,
        At("target/size", Bytes()),
        Field(description='How large it is, or with "virtio-mem" can become; a multiple of `block`.'),
    ]
    node: Annotated[
        int | None,
        At("target/node", WHOLE),
        Field(
            ge=0,
            description="The guest's NUMA cell it belongs to. Defaults to none, and a dimm must have one.",
        ),
    ] = None
    requested: Annotated[
        Size | None,
        At("target/requested", Bytes()),
        Field(description='How much of "virtio-mem" the guest should have now. Defaults to nothing.'),
    ] = None
    block: Annotated[
        Size | None,
        At("target/block", Bytes()),
        Field(description='In what portions "virtio-mem" comes. Defaults to the size of a huge page.'),
    ] = None
    label: Annotated[
        Size | None,
        At("target/label/size", Bytes()),
        Field(description='Room for labels on an "nvdimm". Defaults to none.'),
    ] = None
    path: Annotated[
        AbsolutePath | None,
        At("source/path"),
        Field(description='The file behind "nvdimm" and "virtio-pmem". Defaults to none.'),
    ] = None
    pagesize: Annotated[
        Size | None,
        At("source/pagesize", Bytes()),
        Field(description="Size of the host's pages it is made of. Defaults to that of the guest's memory."),
    ] = None
    nodemask: Annotated[
        str | None,
        At("source/nodemask"),
        Field(min_length=1, description="NUMA nodes of the host it comes from. Defaults to `numatune`."),
    ] = None
    access: Annotated[
        Literal["shared", "private"] | None,
        At("@access"),
        Field(description="Whether other processes can see it. Defaults to `memoryBacking.access`."),
    ] = None
    discard: Annotated[
        bool | None,
        At("@discard", YES_NO),
        Field(description="Throw it away when the guest ends. Defaults to `memoryBacking.discard`."),
    ] = None


class MemoryDeviceFields(Spec):
    """The field of memory devices."""

    memory_devices: Annotated[
        list[MemoryDevice] | None,
        At("devices/memory"),
        Field(
            description="Memory beside `memory`, on which it comes on top; complete once written. Defaults to leaving it alone."
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
