"""The NUMA nodes of a guest, which are its own and not the host's."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import complete_list
from kvmreconcile.kinds.domain.spellings import BITMAP
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Rules, Table


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


RULES = Rules(
    members=Table(
        {
            "cell": complete_list(("@id",)),
            "cell/distances/sibling": complete_list(("@id",)),
            "interconnects/latency": complete_list(
                ("@initiator", "@target", "@cache", "@type"), ("@initiator", "@target", "@type")
            ),
            "interconnects/bandwidth": complete_list(("@initiator", "@target", "@type")),
        }
    ),
    scalars=Table({"cell/@cpus": BITMAP}),
    measures=Table(
        {
            "cell": Measure(value="@memory", start_step=1 << 20),
            "cell/cache/*": Measure(value="@value"),
            "interconnects/bandwidth": Measure(value="@value"),
        }
    ),
).below("cpu/numa")
