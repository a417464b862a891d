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
    """The memory balloon. A plain text is short for `model`."""

    short: ClassVar[str] = "model"

    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional", "none"] | None,
        At("@model"),
        Field(description='Model, or "none" for no balloon. Defaults to libvirt\'s choice.'),
    ] = None
    autodeflate: Annotated[
        bool | None,
        At("@autodeflate", ON_OFF),
        Field(
            description="Return memory to a guest that runs out of it, before its kernel kills processes. Defaults to false."
        ),
    ] = None
    free_page_reporting: Annotated[
        bool | None,
        At("@freePageReporting", ON_OFF),
        Field(
            description="Let the guest report free pages, which the host then reclaims. Defaults to false."
        ),
    ] = None
    stats_period: Annotated[
        int | None,
        At("stats/@period", WHOLE),
        Field(
            ge=1,
            description="Interval in seconds at which the guest reports memory statistics. Defaults to never.",
        ),
    ] = None


class MemballoonFields(Spec):
    """The field of the memory balloon."""

    memballoon: Annotated[
        Memballoon | None,
        At("devices/memballoon"),
        Field(
            description="Memory balloon, by which the host reclaims memory from the guest. Defaults to libvirt's choice."
        ),
    ] = None


_STATS = (Update("set-stats", at=".", source=f"{SOURCE}#virDomainSetMemoryStatsPeriod"),)
SECTION = Section(
    MemballoonFields,
    Rules(actions=Table({"stats": _STATS, "stats/@period": _STATS})).below("devices/memballoon"),
    takes_port={"memballoon": is_card},
)
