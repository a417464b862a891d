"""The memory balloon."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE, is_card
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import Rules, Table, Update


class Memballoon(Shorthand, Element):
    """
    The memory balloon, through which a guest returns memory to the host.

    A plain string is short for `model`.
    """

    short: ClassVar[str] = "model"

    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional", "none"] | None,
        At("@model"),
        Field(description='Model, or "none". Defaults to libvirt\'s choice.'),
    ] = None
    autodeflate: Annotated[
        bool | None,
        At("@autodeflate", ON_OFF),
        Field(
            description=(
                "Whether the guest gets memory back from the balloon before it runs out of memory "
                "and kills processes. Defaults to false."
            )
        ),
    ] = None
    free_page_reporting: Annotated[
        bool | None,
        At("@freePageReporting", ON_OFF),
        Field(
            description="Whether the guest reports unused memory, which the host then reclaims. Defaults to false."
        ),
    ] = None
    stats_period: Annotated[
        int | None,
        At("stats/@period", WHOLE),
        Field(ge=1, description="Seconds between memory statistics of the guest. Defaults to never."),
    ] = None


class MemballoonFields(Spec):
    """Field of Domain for the memory balloon."""

    memballoon: Annotated[
        Memballoon | None,
        At("devices/memballoon"),
        Field(
            description=(
                "The memory balloon, through which a guest returns memory to the host. Defaults to "
                "libvirt's choice."
            )
        ),
    ] = None


_STATS = (Update("set-stats", at=".", source=f"{SOURCE}#virDomainSetMemoryStatsPeriod"),)
SECTION = Section(
    MemballoonFields,
    Rules(actions=Table({"stats": _STATS, "stats/@period": _STATS})).below("devices/memballoon"),
    takes_port={"memballoon": is_card},
)
