"""NUMA nodes of the host from which a domain's memory is allocated."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.member_keys import (
    complete_list,
)
from kvmreconcile.kinds.domain.resources.cpu import CpuFields
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.domain.spellings import BITMAP
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Change, Node, Rules, Table, Update, paths

Policy = Literal["strict", "interleave", "preferred", "restrictive"]


class NodeMemory(Spec):
    """NUMA nodes of the host that provide the guest's memory."""

    mode: Annotated[
        Policy | None,
        At("@mode"),
        Field(
            description=(
                '"strict" allocates from these nodes only. If they are full, the guest does not '
                'start, or is killed when it needs more memory. "preferred" falls back to other '
                'nodes. "interleave" uses the nodes in turn. "restrictive" restricts the guest '
                "through its cgroup only, so that `nodeset` can be changed while the guest runs. "
                'Defaults to "strict".'
            )
        ),
    ] = None
    nodeset: Annotated[
        str | None,
        At("@nodeset"),
        Field(
            min_length=1,
            description='NUMA nodes of the host, such as "0-1". Defaults to the nodes that numad advises.',
        ),
    ] = None
    placement: Annotated[
        Literal["static", "auto"] | None,
        At("@placement"),
        Field(
            description='"static" uses `nodeset`, "auto" asks numad at each start. Defaults to "static" if `nodeset` is set.'
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "NodeMemory":
        if self.placement == "auto" and self.nodeset:
            raise ValueError('"placement: auto" and "nodeset" cannot be combined; remove one of them')
        return self


class CellMemory(Spec):
    """NUMA nodes of the host that provide the memory of one guest node."""

    cellid: Annotated[
        int, At("@cellid", WHOLE), Field(ge=0, description="Number of the guest's node in `cpu.numa`.")
    ]
    mode: Annotated[
        Policy | None, At("@mode"), Field(description='Mode as for the whole guest. Defaults to "strict".')
    ] = None
    nodeset: Annotated[str, At("@nodeset"), Field(min_length=1, description='Nodes, such as "0".')]


class Numatune(Spec):
    """NUMA nodes of the host that provide the guest's memory."""

    memory: Annotated[
        NodeMemory | None,
        At("memory"),
        Field(
            description=(
                "Host nodes for the memory of the whole guest. Defaults to any node; with "
                "`vcpus.placement: auto`, to the nodes that numad advises."
            )
        ),
    ] = None
    memnodes: Annotated[
        list[CellMemory] | None,
        At("memnode"),
        Field(
            description=(
                "Host nodes for the memory of individual guest nodes in `cpu.numa`. The list is "
                "complete: unlisted entries are removed. Defaults to the nodes of the whole guest."
            )
        ),
    ] = None


class NumaFields(Spec):
    """Field of Domain for NUMA nodes."""

    numatune: Annotated[
        Numatune | None,
        At("numatune"),
        Field(description="NUMA nodes of the host that provide the memory. Defaults to any."),
    ] = None


def _is_restrictive(_change: Change, domain: Node) -> bool:
    """
    Return whether a domain's memory is restricted to host nodes by its cgroup only.

    In all other modes QEMU restricts the memory, and the nodes cannot be changed later (libvirt's
    `qemuDomainSetNumaParamsLive`).
    """
    return domain.get("numatune/memory/@mode") == "restrictive"


def _unknown_cells(spec: BaseModel) -> Iterator[str]:
    """Yield references to NUMA cells that the guest does not have."""
    cpu, numatune = fields_of(spec, CpuFields).cpu, fields_of(spec, NumaFields).numatune
    if cpu and any(cell.xml for cell in cpu.numa or ()):
        return
    cells = {cell.id for cell in (cpu.numa or ())} if cpu else set[int]()
    for node in (numatune.memnodes or ()) if numatune else ():
        if node.cellid not in cells:
            yield f'"numatune.memnodes" refers to cell {node.cellid}, which is not in "cpu.numa"'


SECTION = Section(
    NumaFields,
    Rules(
        members=Table({"memnode": complete_list(("@cellid",))}),
        scalars=Table({"*/@nodeset": BITMAP}),
        whole=paths("memory"),
        actions=Table(
            {
                "memory/@nodeset": (
                    Update(
                        "set-numa",
                        on="~",
                        at=".",
                        when=_is_restrictive,
                        source=f"{SOURCE}#virDomainSetNumaParameters",
                    ),
                )
            }
        ),
    ).below("numatune"),
    checks_without_xml=(_unknown_cells,),
)
