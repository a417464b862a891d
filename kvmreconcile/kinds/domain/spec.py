"""
What users write of a domain.

Separate from rendering, because the reference page, the JSON Schema and every error come from here.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.parts.guest import Guest
from kvmreconcile.kinds.domain.parts.hardware import Hardware
from kvmreconcile.kinds.domain.parts.resources import Resources
from kvmreconcile.kinds.kind import ObjectSpec


class DomainSpec(Hardware, Resources, Guest, ObjectSpec):
    """A virtual machine."""

    state: Annotated[
        Literal["running", "stopped", "any"],
        Field(description='Whether the guest runs; "any" leaves it as found. Defaults to "running".'),
    ] = "running"
    autostart: Annotated[
        bool | None,
        Field(
            description="Let libvirt start it when the host boots. Defaults to leaving it as found (off for a new one)."
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "DomainSpec":
        if self.memory is None and self.xml is None:
            raise ValueError('say how much "memory" the guest has')
        if self.memory and self.current_memory and self.current_memory > self.memory:
            raise ValueError('"currentMemory" is more than "memory"')
        devices = (*(self.disks or ()), *(self.interfaces or ()), *(self.filesystems or ()))
        _check_unlike("name", [device.name for device in devices])
        _check_unlike("target", [disk.target for disk in self.disks or ()])
        _check_unlike("mac", [nic.mac.lower() if nic.mac else None for nic in self.interfaces or ()])
        return self


def _check_unlike(field: str, values: list[str | None]) -> None:
    """Refuse a value that two devices share, since each must be told from the others."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f'two devices have the {field} "{value}"; give each its own')
        if value is not None:
            seen.add(value)
