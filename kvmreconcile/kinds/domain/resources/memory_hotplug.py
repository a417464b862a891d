"""Add the NUMA cell that libvirt requires for memory hot-plug. Pure."""

from typing import TypeVar

from pydantic import BaseModel

from kvmreconcile.kinds.domain.resources.cpu import Cpu, CpuFields
from kvmreconcile.kinds.domain.resources.memory import MemoryFields
from kvmreconcile.kinds.domain.resources.numa_cell import Cell
from kvmreconcile.kinds.domain.resources.vcpus import VcpuFields
from kvmreconcile.kinds.domain.section import fields_of

AnySpec = TypeVar("AnySpec", bound=BaseModel)


def with_cell(spec: AnySpec) -> AnySpec:
    """
    Return the spec with one NUMA cell if it has `memory.maximum` and no cells.

    libvirt requires a cell for memory hot-plug.
    """
    memory, vcpus = fields_of(spec, MemoryFields).memory, fields_of(spec, VcpuFields).vcpus
    cpu = fields_of(spec, CpuFields).cpu or Cpu()
    if memory is None or memory.maximum is None or memory.size is None or cpu.numa is not None:
        return spec
    last = (vcpus.maximum or 1) - 1 if vcpus else 0
    cell = Cell.model_construct(id=0, cpus=f"0-{last}" if last else "0", memory=memory.size)
    return spec.model_copy(update={"cpu": cpu.model_copy(update={"numa": [cell]})})
