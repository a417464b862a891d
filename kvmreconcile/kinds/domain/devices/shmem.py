"""Shared memory, which guests and processes of the host can access."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_pci_slots
from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Bytes
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Measure, Rules, Table


class Shmem(Element):
    """Memory that is shared by guests and processes of the host."""

    name: Annotated[
        str,
        At("@name"),
        Field(min_length=1, pattern="^[^/]+$", description="Name on the host, below /dev/shm."),
    ]
    model: Annotated[
        Literal["ivshmem-plain", "ivshmem-doorbell"],
        At("model/@type"),
        Field(
            description=(
                'Model: "ivshmem-plain" is memory only, "ivshmem-doorbell" also has interrupts, '
                "which a `server` sends."
            )
        ),
    ]
    size: Annotated[
        Size | None,
        At("size", Bytes("M")),
        Field(
            description=(
                "Size: a power of 2, in MiB. Defaults to 4MiB; with a `server`, to the size that the "
                "server uses."
            )
        ),
    ] = None
    role: Annotated[
        Literal["peer", "master"] | None,
        At("@role"),
        Field(
            description=(
                'Role: the memory of a "master" is migrated with the guest, the memory of a "peer" '
                'is not. Defaults to "master".'
            )
        ),
    ] = None
    server: Annotated[
        AbsolutePath | None,
        At("server/@path"),
        Field(description="Socket of the server that sends interrupts. Defaults to none."),
    ] = None


class ShmemFields(Spec):
    """Field of Domain for shared memory."""

    shmems: Annotated[
        list[Shmem] | None,
        At("devices/shmem"),
        Field(description="Shared memory devices. Unlisted devices are kept. Defaults to none."),
    ] = None


SECTION = Section(
    ShmemFields,
    Rules(
        members=Table({"": shared_list(("@name",))}),
        measures=Table({"size": Measure(default="B", step=1)}),
        actions=Table({"": attach_and_detach(has_pci_slots)}),
    ).below("devices/shmem"),
)
