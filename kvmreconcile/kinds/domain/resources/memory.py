"""The memory of a domain."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.devices.memory_device import MemoryDeviceFields
from kvmreconcile.kinds.domain.resources.cpu import CpuFields
from kvmreconcile.kinds.domain.section import Section, fields_of
from kvmreconcile.kinds.domain.spellings import AT_START
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Change, Measure, Node, Reset, Rules, Table, Update, paths

SLOTS = 16
"""Number of slots for memory devices if only the maximum is set; each device occupies one."""


class Memory(Shorthand):
    """Memory of the guest. A plain value such as `4GiB` is shorthand for `size: 4GiB`."""

    short: ClassVar[str] = "size"

    size: Annotated[
        Size | None,
        At("memory", Bytes()),
        Field(description="Memory at start, without `memoryDevices`. Required unless `xml` sets it."),
    ] = None
    maximum: Annotated[
        Size | None,
        At("maxMemory", Bytes()),
        Field(
            description=(
                "Maximum memory, including `memoryDevices` that are attached later. It requires ACPI "
                "and a NUMA node. If `cpu.numa` is not set, a node with all of `size` is added. "
                "Defaults to `size`."
            )
        ),
    ] = None
    slots: Annotated[
        int | None,
        At("maxMemory/@slots", WHOLE),
        Field(
            ge=1,
            le=256,
            description=f"Maximum number of memory devices. Defaults to {SLOTS} if `maximum` is set.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        data = super()._from_short(value)  # type: ignore[operator] # pydantic's wrapper is called like the method
        if not isinstance(data, dict) or data.get("maximum") is None or data.get("slots") is not None:
            return data
        return {**data, "slots": SLOTS}

    @model_validator(mode="after")
    def _check(self) -> "Memory":
        if self.size == 0:
            raise ValueError("size must be greater than 0")
        if self.maximum is None and self.slots is not None:
            raise ValueError('"slots" is valid with "maximum" only; set "maximum", or remove "slots"')
        if self.size and self.maximum and self.maximum < self.size:
            raise ValueError('"maximum" is less than "size"')
        return self


class MemoryFields(Spec):
    """Fields of Domain for memory."""

    memory: Annotated[
        Memory | None, At(""), Field(description="Memory of the guest. Required unless `xml` sets it.")
    ] = None
    current_memory: Annotated[
        Size | None,
        At("currentMemory", Bytes()),
        Field(
            description="Memory that the balloon leaves to the guest; at most `memory`. Defaults to all of `memory`."
        ),
    ] = None


def _is_a_sum(_change: Change, domain: Node) -> bool:
    """Return whether libvirt computes a domain's memory from its NUMA cells and memory devices."""
    return domain.find("cpu/numa/cell") is not None


def _has_blocks(_change: Change, domain: Node) -> bool:
    """Return whether a domain has virtio-mem. The guest changes the size of virtio-mem over time."""
    return any(device.attr("model") == "virtio-mem" for device in domain.all("devices/memory"))


def _more_than_there_is(spec: BaseModel) -> Iterator[str]:
    """Yield inconsistent sizes of memory, NUMA cells and memory devices."""
    memory, current = fields_of(spec, MemoryFields).memory, fields_of(spec, MemoryFields).current_memory
    devices, cpu = fields_of(spec, MemoryDeviceFields).memory_devices or (), fields_of(spec, CpuFields).cpu
    cells = cpu.numa if cpu else None
    if memory is None or memory.size is None or any(part.xml for part in (*devices, *(cells or ()))):
        # Only libvirt knows the total.
        return
    if cells and sum(cell.memory for cell in cells) != memory.size:
        yield '"memory" differs from the sum of the memory in "cpu.numa"; make them equal'
    total = memory.size + sum(device.size for device in devices)
    if current and current > total:
        limit = '"memory" and "memoryDevices" together' if devices else '"memory"'
        yield f'"currentMemory" is more than {limit}'
    if memory.maximum and total > memory.maximum:
        yield '"memory" and "memoryDevices" together are more than "memory.maximum"'
    modules = len([d for d in devices if d.model in ("dimm", "nvdimm")])
    if memory.slots and modules > memory.slots:
        yield (
            f'{modules} "memoryDevices" have the model "dimm" or "nvdimm", '
            f'but "memory.slots" is {memory.slots}'
        )


SECTION = Section(
    MemoryFields,
    Rules(
        measures=Table({"memory": AT_START, "currentMemory": AT_START, "maxMemory": Measure()}),
        resets=Table({"": (Reset("memory", ("currentMemory",)),)}),
        required=paths("memory", "memory/@unit"),
        actions=Table(
            {
                "memory": (Update("", when=_is_a_sum),),
                "currentMemory": (
                    Update("", when=_has_blocks),
                    Update("set-memory", on="~", after="memory", source=f"{SOURCE}#virDomainSetMemoryFlags"),
                ),
            }
        ),
    ),
    spec_checks=(_more_than_there_is,),
    kept=("memory", "memory/@unit"),
)
