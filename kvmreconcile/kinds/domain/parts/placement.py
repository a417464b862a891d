"""What users write of a guest's NUMA nodes, and of the host's on which they lie. Separate because both go together."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size

Policy = Literal["strict", "interleave", "preferred", "restrictive"]


class Cell(Element):
    """A NUMA node of the guest."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=0, description="Its number, from 0 without a gap.")]
    cpus: Annotated[
        str | None,
        At("@cpus"),
        Field(
            min_length=1,
            description='The virtual processors in it, such as "0-3". Defaults to none; those in no cell libvirt puts into the first.',
        ),
    ] = None
    memory: Annotated[
        Size,
        At("@memory", Bytes()),
        Field(description="Its memory; that of all cells is the guest's `memory`."),
    ]
    mem_access: Annotated[
        Literal["shared", "private"] | None,
        At("@memAccess"),
        Field(
            description="Whether other processes can see its memory, which virtiofs and vhost-user need. Defaults to "
            "`memoryBacking.access`."
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("@discard", YES_NO),
        Field(
            description="Throw its memory away when the guest ends rather than write it to the file behind it. "
            "Defaults to `memoryBacking.discard`."
        ),
    ] = None
    distances: Annotated[
        dict[int, Annotated[int, Field(ge=10, le=255)]] | None,
        At("distances/sibling", Pairs("@id", "@value", WHOLE)),
        Field(
            description="How far other cells are, by their number; 10 is the cell itself, 20 twice as far. Defaults to "
            "20 for all others."
        ),
    ] = None


class NodeMemory(Spec):
    """From which NUMA nodes of the host the guest's memory comes."""

    mode: Annotated[
        Policy | None,
        At("@mode"),
        Field(
            description='"strict" allocates from these nodes only: where they are full, the guest does not start, or is '
            'killed later when the host has no memory for it; "preferred" falls back to other nodes; "interleave" takes '
            'pages from each node in turn; "restrictive" restricts the guest by its cgroup only, so that `nodeset` can '
            'change while the guest runs. Defaults to "strict".'
        ),
    ] = None
    nodeset: Annotated[
        str | None,
        At("@nodeset"),
        Field(min_length=1, description='The nodes, such as "0-1". Defaults to what numad advises.'),
    ] = None
    placement: Annotated[
        Literal["static", "auto"] | None,
        At("@placement"),
        Field(
            description='"static" takes `nodeset`, "auto" asks numad at each start. Defaults to "static" with a `nodeset`.'
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "NodeMemory":
        if self.placement == "auto" and self.nodeset:
            raise ValueError('"placement: auto" and "nodeset" exclude each other; remove one of them')
        return self


class CellMemory(Spec):
    """From which NUMA nodes of the host the memory of one of the guest's cells comes."""

    cellid: Annotated[int, At("@cellid", WHOLE), Field(ge=0, description="The cell's number in `cpu.numa`.")]
    mode: Annotated[Policy | None, At("@mode"), Field(description='As above. Defaults to "strict".')] = None
    nodeset: Annotated[str, At("@nodeset"), Field(min_length=1, description='The nodes, such as "0".')]


class Numatune(Spec):
    """From which NUMA nodes of the host the guest's memory comes."""

    memory: Annotated[
        NodeMemory | None,
        At("memory"),
        Field(
            description="For the memory of the whole guest. Defaults to any node; with `vcpus.placement: auto`, to the nodes that numad advises."
        ),
    ] = None
    memnodes: Annotated[
        list[CellMemory] | None,
        At("memnode"),
        Field(
            description="For single cells of `cpu.numa`; complete once written. Defaults to what holds for the guest."
        ),
    ] = None
