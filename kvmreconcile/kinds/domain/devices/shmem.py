"""Memory that guests and processes of the host share."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_pci_slots
from kvmreconcile.kinds.domain.members import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Bytes
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Measure, Rules, Table


class Shmem(Element):
    """Memory that guests and processes of the host share."""

    name: Annotated[
        str,
        At("@name"),
        Field(
            min_length=1, pattern="^[^/]+$", description="Name of the shared memory on the host, in /dev/shm."
        ),
    ]
    model: Annotated[
        Literal["ivshmem-plain", "ivshmem-doorbell"],
        At("model/@type"),
        Field(
            description='"ivshmem-plain" is memory only; "ivshmem-doorbell" also has interrupts, sent by a `server`.'
        ),
    ]
    size: Annotated[
        Size | None,
        At("size", Bytes("M")),
        Field(
            description="Size, a power of 2 in MiB. Defaults to 4MiB; with a `server`, to the server's choice."
        ),
    ] = None
    role: Annotated[
        Literal["peer", "master"] | None,
        At("@role"),
        Field(
            description='Whether the memory is migrated with the guest: "master" is, "peer" is not. Defaults to "master".'
        ),
    ] = None
    server: Annotated[
        AbsolutePath | None,
        At("server/@path"),
        Field(description="Socket of the ivshmem server. Defaults to none."),
    ] = None


class ShmemFields(Spec):
    """The field of shared memory."""

    shmems: Annotated[
        list[Shmem] | None,
        At("devices/shmem"),
        Field(
            description="Memory shared with other guests or processes. Unlisted devices are kept. Defaults to none."
        ),
    ] = None


SECTION = Section(
    ShmemFields,
    Rules(
        members=Table({"": shared_list(("@name",))}),
        measures=Table({"size": Measure(default="B", step=1)}),
        actions=Table({"": attach_and_detach(has_pci_slots)}),
    ).below("devices/shmem"),
)
