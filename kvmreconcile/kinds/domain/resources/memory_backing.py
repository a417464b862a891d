"""How the host provides the memory of a domain."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.devices.filesystem import FilesystemFields
from kvmreconcile.kinds.domain.devices.interface.spec import InterfaceFields
from kvmreconcile.kinds.domain.member_keys import complete_list
from kvmreconcile.kinds.domain.resources.cpu import CpuFields
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.domain.spellings import BITMAP
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import AROUND, PRESENT, WHOLE, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Rules, Table


class HugePage(Shorthand):
    """A size of huge pages. A plain size is short for `size`."""

    short: ClassVar[str] = "size"

    size: Annotated[
        Size,
        At("@size", Bytes()),
        Field(
            description="Size of a page, such as 2MiB or 1GiB. The host must have reserved pages of this size."
        ),
    ]
    nodeset: Annotated[
        str | None,
        At("@nodeset"),
        Field(
            min_length=1,
            description=(
                "NUMA nodes of the guest that use pages of this size. Defaults to all nodes that no "
                "other entry lists."
            ),
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "HugePage":
        if self.size == 0:
            raise ValueError(
                'size must be greater than 0; for the host\'s default page size, set "hugepages: true"'
            )
        return self


class MemoryBacking(Spec):
    """How the host provides the guest's memory."""

    hugepages: Annotated[
        bool | list[HugePage] | None,
        At("hugepages/page", AROUND),
        Field(
            description=(
                "Huge pages: true for the host's default size, or a list of sizes, such as [1GiB]. If too few are "
                "free, the guest does not start. Defaults to false."
            )
        ),
    ] = None
    nosharepages: Annotated[
        bool | None,
        At("nosharepages", PRESENT),
        Field(
            description=(
                "Whether the host is forbidden to merge identical pages of several guests (KSM). "
                "Merging can leak information between guests. Defaults to false."
            )
        ),
    ] = None
    locked: Annotated[
        bool | None,
        At("locked", PRESENT),
        Field(
            description=(
                "Whether the guest's memory is locked and never swapped. QEMU may lock any amount of "
                "memory, unless `memtune.hardLimit` is set. Defaults to false."
            )
        ),
    ] = None
    source: Annotated[
        Literal["anonymous", "file", "memfd"] | None,
        At("source/@type"),
        Field(description='Source of the memory. Defaults to "anonymous", which cannot be shared.'),
    ] = None
    access: Annotated[
        Literal["shared", "private"] | None,
        At("access/@mode"),
        Field(
            description=(
                'Whether other processes can access the memory ("shared"), as virtiofs and '
                'vhost-user require. Also set `source` or `hugepages`. Defaults to "private".'
            )
        ),
    ] = None
    allocation: Annotated[
        Literal["immediate", "ondemand"] | None,
        At("allocation/@mode"),
        Field(
            description=(
                'When the host allocates the memory: "immediate" allocates all of it when the guest '
                'starts, "ondemand" allocates each page at its first use. Defaults to "ondemand".'
            )
        ),
    ] = None
    allocation_threads: Annotated[
        int | None,
        At("allocation/@threads", WHOLE),
        Field(
            ge=1,
            description=(
                'Number of threads that allocate the memory with "immediate", for a faster start. '
                "Defaults to 1."
            ),
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("discard", PRESENT),
        Field(
            description=(
                "Whether the memory is discarded when the guest stops, instead of being written to "
                "its backing file. Defaults to false."
            )
        ),
    ] = None


class MemoryBackingFields(Spec):
    """Field of Domain for memory backing."""

    memory_backing: Annotated[
        MemoryBacking | None,
        At("memoryBacking"),
        Field(description="How the host provides the memory. Defaults to the host's normal pages."),
    ] = None


def _is_not_shared(spec: BaseModel) -> Iterator[str]:
    """Yield a problem for devices that require shared guest memory if the memory is not shared."""
    backing, cpu = fields_of(spec, MemoryBackingFields).memory_backing, fields_of(spec, CpuFields).cpu
    cells = cpu.numa if cpu else None
    if backing and backing.access == "shared":
        return
    if cells and all(cell.mem_access == "shared" or cell.xml for cell in cells):
        return
    advice = 'set "memoryBacking: {source: memfd, access: shared}"'
    if any(cell.mem_access == "private" for cell in cells or ()):
        advice += ', and remove "memAccess: private" from "cpu.numa"'
    if any(each.driver == "virtiofs" for each in fields_of(spec, FilesystemFields).filesystems or ()):
        yield f"virtiofs requires shared memory; {advice}"
    if any(nic.vhostuser for nic in fields_of(spec, InterfaceFields).interfaces or ()):
        yield f"vhostuser requires shared memory; {advice}"


SECTION = Section(
    MemoryBackingFields,
    Rules(
        members=Table({"": complete_list(("@nodeset",))}),
        scalars=Table({"@nodeset": BITMAP}),
        measures=Table({"": Measure(value="@size")}),
    ).below("memoryBacking/hugepages/page"),
    checks_without_xml=(_is_not_shared,),
)
