"""Memory limits of a domain, enforced by cgroups."""

from typing import Annotated

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Rules, Table, Update, paths


class Memtune(Spec):
    """Memory limits, enforced by the host's cgroups."""

    hard_limit: Annotated[
        Size | None,
        At("hard_limit", Bytes()),
        Field(
            description=(
                "Limit above which the kernel kills the guest. The limit includes QEMU itself and "
                "its caches, so avoid it unless necessary. Defaults to none."
            )
        ),
    ] = None
    soft_limit: Annotated[
        Size | None,
        At("soft_limit", Bytes()),
        Field(description="Limit that is enforced only if the host is short of memory. Defaults to none."),
    ] = None
    swap_hard_limit: Annotated[
        Size | None,
        At("swap_hard_limit", Bytes()),
        Field(description="Limit of memory and swap together, at least `hardLimit`. Defaults to none."),
    ] = None
    min_guarantee: Annotated[
        Size | None,
        At("min_guarantee", Bytes()),
        Field(description="Guaranteed memory; not supported by the QEMU driver. Defaults to none."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Memtune":
        if self.hard_limit and self.swap_hard_limit and self.swap_hard_limit < self.hard_limit:
            raise ValueError(
                '"swapHardLimit" limits memory and swap together, so it must not be less than "hardLimit"'
            )
        return self


class MemoryLimitFields(Spec):
    """Field of Domain for memory limits."""

    memtune: Annotated[
        Memtune | None, At("memtune"), Field(description="Memory limits. Defaults to none.")
    ] = None


_LIMIT = (Update("set-memory-limits", at=".", source=f"{SOURCE}#virDomainSetMemoryParameters"),)
SECTION = Section(
    MemoryLimitFields,
    Rules(
        measures=Table({"*": Measure()}),
        implied=Table({"hard_limit": "9007199254740991", "hard_limit/@unit": "KiB"}),
        containers=paths(""),
        actions=Table({"hard_limit": _LIMIT, "soft_limit": _LIMIT, "swap_hard_limit": _LIMIT}),
    ).below("memtune"),
)
