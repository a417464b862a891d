"""NUMA cells (nodes) of a guest. They are independent of the host's NUMA nodes."""

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
    """A NUMA cell of the guest."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=0, description="Number of the node, from 0 without a gap.")]
    cpus: Annotated[
        str | None,
        At("@cpus"),
        Field(
            min_length=1,
            description=(
                'vCPUs of the node, such as "0-3". libvirt assigns vCPUs without a node to the first '
                "node. Defaults to none."
            ),
        ),
    ] = None
    memory: Annotated[
        Size,
        At("@memory", Bytes()),
        Field(
            description="Memory of the node. The memory of all nodes together must equal the guest's `memory`."
        ),
    ]
    mem_access: Annotated[
        Literal["shared", "private"] | None,
        At("@memAccess"),
        Field(
            description=(
                'Whether other processes can access the memory of the node ("shared"), as virtiofs '
                "and vhost-user require. Defaults to `memoryBacking.access`."
            )
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("@discard", YES_NO),
        Field(
            description=(
                "Whether the memory of the node is discarded when the guest stops, instead of being "
                "written to its backing file. Defaults to `memoryBacking.discard`."
            )
        ),
    ] = None
    distances: Annotated[
        dict[int, Annotated[int, Field(ge=10, le=255)]] | None,
        At("distances/sibling", Pairs("@id", "@value", WHOLE)),
        Field(
            description=(
                "Distances to other nodes, by node number; 10 is the distance of a node to itself, "
                "20 is twice as far. Defaults to 20 for all other nodes."
            )
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
