"""
What users write of a domain.

Separate from rendering, because the reference page, the JSON Schema and every error come from here.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.checks import contradictions, gaps
from kvmreconcile.kinds.domain.parts.guest import Guest
from kvmreconcile.kinds.domain.parts.ready import ReadySpec
from kvmreconcile.kinds.domain.parts.removal import Removal
from kvmreconcile.kinds.domain.parts.resources import Resources
from kvmreconcile.kinds.domain.parts.update import DomainUpdate
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.kind import ObjectSpec
from kvmreconcile.schema.mapping import Names
from kvmreconcile.schema.values import Name

_FIELDS = tuple(section.fields for section in reversed(SECTIONS))
"""The fields of the last base come first."""


class DomainSpec(*_FIELDS, Resources, Guest, ObjectSpec):  # type: ignore[misc]  # mypy reads no computed bases
    """A virtual machine."""

    update: Annotated[
        DomainUpdate,
        Field(
            description="When and how far changes may go without asking, and how it is shut down for them."
        ),
    ] = DomainUpdate()
    state: Annotated[
        Literal["running", "stopped", "paused", "any"],
        Field(
            description='State that the guest should have: "running", "stopped", "paused" (in memory, its processors '
            'stopped), or "any" (not managed). With "running", a guest that a user paused is resumed. One that an I/O '
            "error, its watchdog, a crash or a failed post-copy migration paused is not resumed but reported as held. "
            'Defaults to "running".'
        ),
    ] = "running"
    on_guest_stop: Annotated[
        Literal["restart", "leave"],
        Field(
            description="What follows where it is to run and was shut down from inside, or stopped by anybody but "
            "kvmreconcile: it is started again, or left off until somebody starts it. One that crashed, or was off "
            'when the host booted, is started in any case. Defaults to "restart".'
        ),
    ] = "restart"
    ready: Annotated[
        ReadySpec | None,
        Field(
            description="How the guest shows, once it is started or restarted, that it does its work; until then it is "
            "waited for. Defaults to nothing: it is ready once it runs."
        ),
    ] = None
    start_after: Annotated[
        list[Name],
        Names("Domain"),
        Field(
            description="Names of domains. While one of them is to run and does not, or is not `ready`, this one is not "
            "started or restarted; all else is done to it. What is off because its own spec says so is not waited for, "
            "and a boot of the host by itself (`autostart`) knows no order. Defaults to none."
        ),
    ] = Field(default_factory=list)
    removal: Annotated[
        Removal,
        Field(
            description="What becomes of what it leaves behind when it is removed or made anew. The last spec counts."
        ),
    ] = Removal()
    autostart: Annotated[
        bool | None,
        Field(
            description="Let libvirt start it when the host boots. Defaults to leaving it as found (off for a new one)."
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "DomainSpec":
        if self.xml is None and (self.memory is None or self.memory.size is None):
            raise ValueError('set "memory"' if self.memory is None else 'set "memory.size"')
        if self.on_guest_stop == "leave" and self.update.on_guest_reboot == "apply":
            raise ValueError('"update.onGuestReboot: apply" and "onGuestStop: leave" cannot be combined')
        if self.update.rollback and self.ready is None:
            raise ValueError('"update.rollback" requires "ready"')
        missing = gaps(self) if self.xml is None else ()
        for wrong in (*contradictions(self), *missing):
            raise ValueError(wrong)
        return self
