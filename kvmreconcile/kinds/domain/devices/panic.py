"""Panic devices, through which a guest reports that it crashed."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table


class PanicFields(Spec):
    """Field of Domain for panic devices."""

    panic: Annotated[
        Literal["isa", "pvpanic", "hyperv", "pseries", "s390"] | None,
        At("devices/panic/@model"),
        Field(
            description="Panic device, through which a guest reports that it crashed (`onCrash`). Defaults to none."
        ),
    ] = None


SECTION = Section(PanicFields, Rules(members=Table({"": shared_list(("@model",))})).below("devices/panic"))
