"""How a domain's memory is allocated on the host."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.devices.filesystem import FilesystemFields
from kvmreconcile.kinds.domain.devices.interface.spec import InterfaceFields
from kvmreconcile.kinds.domain.members import complete_list
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
        Field(description="Page size, such as 2MiB or 1GiB. The host must have reserved such pages."),
    ]
    nodeset: Annotated[
        str | None,
        At("@nodeset"),
        Field(
            min_length=1,
            description="NUMA cells of the guest that use pages of this size. Defaults to all that no other entry lists.",
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "HugePage":
        if self.size == 0:
            raise ValueError(
                'size must be greater than 0; for the host\'s default page size, write "hugepages: true"'
            )
        return self


class MemoryBacking(Spec):
    """How the guest's memory is allocated on the host."""

    hugepages: Annotated[
        bool | list[HugePage] | None,
        At("hugepages/page", AROUND),
        Field(
            description="Huge pages: true for the host's default size, or a list of sizes, such as [1GiB]. The guest does not start if too few of them are free. Defaults to false."
        ),
    ] = None
    nosharepages: Annotated[
        bool | None,
        At("nosharepages", PRESENT),
        Field(
            description="Do not let the host merge the guest's pages with identical pages of other guests (KSM), which can leak information between guests. Defaults to false."
        ),
    ] = None
    locked: Annotated[
        bool | None,
        At("locked", PRESENT),
        Field(
            description="Lock the guest's memory, so that it is never swapped out. QEMU may then lock any amount of memory, unless `memtune.hardLimit` is set. Defaults to false."
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
            description='Whether other processes can share the memory, which virtiofs and vhost-user need; then also set `source` or `hugepages`. Defaults to "private".'
        ),
    ] = None
    allocation: Annotated[
        Literal["immediate", "ondemand"] | None,
        At("allocation/@mode"),
        Field(
            description='When the host allocates the memory: "immediate" all of it when the guest starts, "ondemand" each page at its first use. Defaults to "ondemand".'
        ),
    ] = None
    allocation_threads: Annotated[
        int | None,
        At("allocation/@threads", WHOLE),
        Field(
            ge=1,
            description='Number of threads that allocate the memory for "immediate"; more threads shorten the start. Defaults to one.',
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("discard", PRESENT),
        Field(
            description="Discard the contents when the guest stops instead of writing them to the file that backs the memory. Defaults to false."
        ),
    ] = None


class MemoryBackingFields(Spec):
    """The field of memory backing."""

    memory_backing: Annotated[
        MemoryBacking | None,
        At("memoryBacking"),
        Field(
            description="How the guest's memory is allocated on the host. Defaults to the host's normal pages."
        ),
    ] = None


def _is_not_shared(spec: BaseModel) -> Iterator[str]:
    """Yield devices whose process on the host must see the guest's memory, although it is not shared."""
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
    gaps=(_is_not_shared,),
)
