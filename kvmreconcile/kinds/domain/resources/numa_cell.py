"""NUMA cells of a guest, which are independent of the host's nodes."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.members import complete_list
from kvmreconcile.kinds.domain.spellings import BITMAP
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Rules, Table


class Cell(Element):
    """A NUMA cell of the guest."""

    id: Annotated[
        int,
        At("@id", WHOLE),
        Field(ge=0, description="Number of the cell; the numbers start at 0 without gaps."),
    ]
    cpus: Annotated[
        str | None,
        At("@cpus"),
        Field(
            min_length=1,
            description='vCPUs of the cell, such as "0-3". libvirt puts vCPUs that no cell lists into the first. Defaults to none.',
        ),
    ] = None
    memory: Annotated[
        Size,
        At("@memory", Bytes()),
        Field(description="Memory of the cell. The sum of all cells is the guest's `memory`."),
    ]
    mem_access: Annotated[
        Literal["shared", "private"] | None,
        At("@memAccess"),
        Field(
            description="Whether other processes can share the cell's memory, which virtiofs and vhost-user need. Defaults to `memoryBacking.access`."
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("@discard", YES_NO),
        Field(
            description="Discard the contents when the guest stops instead of writing them to the file that backs the memory. Defaults to `memoryBacking.discard`."
        ),
    ] = None
    distances: Annotated[
        dict[int, Annotated[int, Field(ge=10, le=255)]] | None,
        At("distances/sibling", Pairs("@id", "@value", WHOLE)),
        Field(
            description="Distances to other cells by number: 10 is the distance to itself, 20 is twice as far. Defaults to 20 for all others."
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
