"""What users write of memory that is a device. Separate from other memory, which is there from the start."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.naming import DeviceAlias
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size


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
