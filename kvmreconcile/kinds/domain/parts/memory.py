"""What users write of a guest's memory. Separate from placement, which says where on the host it lies."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import AROUND, PRESENT, WHOLE, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import Size

SLOTS = 16
"""Slots for memory devices where only the maximum is said; each takes one, of whatever size."""


class Memory(Shorthand):
    """Memory of the guest; a bare size is short for `size`."""

    short: ClassVar[str] = "size"

    size: Annotated[
        Size | None,
        At("memory", Bytes()),
        Field(description="What it starts with, without `memoryDevices`. Required unless `xml` gives it."),
    ] = None
    maximum: Annotated[
        Size | None,
        At("maxMemory", Bytes()),
        Field(
            description="Up to how much can be plugged in while the guest runs, by `memoryDevices`; it needs ACPI and a "
            "NUMA cell, and is given one with all of `size` where `cpu.numa` is silent. Defaults to nothing beyond `size`."
        ),
    ] = None
    slots: Annotated[
        int | None,
        At("maxMemory/@slots", WHOLE),
        Field(
            ge=1,
            le=256,
            description=f"How many memory devices can be plugged in. Defaults to {SLOTS} with a `maximum`.",
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
            raise ValueError('"slots" can be used with "maximum" only; set "maximum", or remove "slots"')
        if self.size and self.maximum and self.maximum < self.size:
            raise ValueError('"maximum" is less than "size"')
        return self


class HugePage(Shorthand):
    """A size of huge pages; a bare size is short for `size`."""

    short: ClassVar[str] = "size"

    size: Annotated[
        Size,
        At("@size", Bytes()),
        Field(description="Size of a page, such as 2MiB or 1GiB; the host must have set such pages aside."),
    ]
    nodeset: Annotated[
        str | None,
        At("@nodeset"),
        Field(
            min_length=1,
            description="The guest's NUMA cells it is for. Defaults to all that no other entry names.",
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
    """What the guest's memory is made of on the host."""

    hugepages: Annotated[
        bool | list[HugePage] | None,
        At("hugepages/page", AROUND),
        Field(
            description="Huge pages: true for the host's default size, or a list of sizes, such as [1GiB]. They must be "
            "free when the guest starts, or it does not. Defaults to false."
        ),
    ] = None
    nosharepages: Annotated[
        bool | None,
        At("nosharepages", PRESENT),
        Field(
            description="Keep the host from merging pages that are alike in several guests (KSM), which also tells guests "
            "about one another. Defaults to false."
        ),
    ] = None
    locked: Annotated[
        bool | None,
        At("locked", PRESENT),
        Field(
            description="Never swap the guest out. QEMU may then lock as much as it likes, unless `memtune.hardLimit` says "
            "how much. Defaults to false."
        ),
    ] = None
    source: Annotated[
        Literal["anonymous", "file", "memfd"] | None,
        At("source/@type"),
        Field(description='Where it comes from. Defaults to "anonymous", which cannot be shared.'),
    ] = None
    access: Annotated[
        Literal["shared", "private"] | None,
        At("access/@mode"),
        Field(
            description="Whether other processes can see it, which virtiofs and vhost-user need; then say a `source` or "
            '`hugepages`, too. Defaults to "private".'
        ),
    ] = None
    allocation: Annotated[
        Literal["immediate", "ondemand"] | None,
        At("allocation/@mode"),
        Field(
            description='When the host allocates the memory: "immediate" all of it when the guest starts, "ondemand" each page when it is first used. Defaults to "ondemand".'
        ),
    ] = None
    allocation_threads: Annotated[
        int | None,
        At("allocation/@threads", WHOLE),
        Field(
            ge=1, description='Threads that take it with "immediate", for a quicker start. Defaults to one.'
        ),
    ] = None
    discard: Annotated[
        bool | None,
        At("discard", PRESENT),
        Field(
            description="Throw it away when the guest ends rather than write it to the file behind it. Defaults to false."
        ),
    ] = None


class Memtune(Spec):
    """Limits of memory that the host's cgroups enforce."""

    hard_limit: Annotated[
        Size | None,
        At("hard_limit", Bytes()),
        Field(
            description="More than this and the kernel kills the guest; it includes QEMU itself and its caches, so leave "
            "it out unless you have to. Defaults to none."
        ),
    ] = None
    soft_limit: Annotated[
        Size | None,
        At("soft_limit", Bytes()),
        Field(description="What the guest is cut down to where memory is short. Defaults to none."),
    ] = None
    swap_hard_limit: Annotated[
        Size | None,
        At("swap_hard_limit", Bytes()),
        Field(description="Limit of memory and swap together, at least `hardLimit`. Defaults to none."),
    ] = None
    min_guarantee: Annotated[
        Size | None,
        At("min_guarantee", Bytes()),
        Field(description="What it has in any case; QEMU's driver knows of none. Defaults to none."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Memtune":
        if self.hard_limit and self.swap_hard_limit and self.swap_hard_limit < self.hard_limit:
            raise ValueError('"swapHardLimit" is less than "hardLimit", which it includes')
        return self
