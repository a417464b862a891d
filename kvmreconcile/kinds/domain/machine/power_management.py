"""Sleep states, and the generation ID, through which a guest detects that it was restored."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO, ElementBuilder
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import UUID
from kvmreconcile.tree import Node, Rules, Scalar, Table, paths
from kvmreconcile.tree.scalars import uuid


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation ID: True if libvirt generates it once, otherwise the UUID as a string."""

    def put(self, draft: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        draft.put(path, "" if value is True else str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the generation ID at a path, and its path; None if the path does not exist."""
        element = node.find(path)
        return (None, ()) if element is None else (element.text or True, (path,))


GENERATION = Generation()


class PowerManagement(Spec):
    """Sleep states that the firmware offers the guest."""

    suspend_to_mem: Annotated[
        bool | None,
        At("suspend-to-mem/@enabled", YES_NO),
        Field(description="Whether sleep (S3) is offered. Defaults to true."),
    ] = None
    suspend_to_disk: Annotated[
        bool | None,
        At("suspend-to-disk/@enabled", YES_NO),
        Field(description="Whether hibernation (S4) is offered. Defaults to true."),
    ] = None


class PowerManagementFields(Spec):
    """Fields of Domain for power management."""

    pm: Annotated[
        PowerManagement | None,
        At("pm"),
        Field(description="Sleep states that the firmware offers. Defaults to all states."),
    ] = None
    genid: Annotated[
        Literal[True] | UUID | None,
        At("genid", GENERATION),
        Field(
            description=(
                "Generation ID: a UUID through which the guest detects that it was reverted to an "
                "earlier state. If true, libvirt generates a UUID. Defaults to none."
            )
        ),
    ] = None


SECTION = Section(
    PowerManagementFields,
    Rules(
        scalars=Table({"genid": Scalar(uuid)}),
        # A guest that is restored from a file gets another one; `qemuProcessGenID`.
        live_ignored=paths("genid"),
    ),
)
