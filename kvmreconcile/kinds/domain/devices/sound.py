"""Sound cards."""

from typing import Annotated, ClassVar

from pydantic import Field

from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand


class Sound(Shorthand, Element):
    """A sound card; a plain string is short for `model`."""

    short: ClassVar[str] = "model"

    model: Annotated[
        str, At("@model"), Field(min_length=1, description='Model of the sound card, such as "ich9".')
    ]


class SoundFields(Spec):
    """Field of Domain for sound cards."""

    sound: Annotated[
        Sound | list[Sound] | None,
        At("devices/sound"),
        Field(description='A sound card, such as "ich9", or a list of them. Defaults to none.'),
    ] = None


SECTION = Section(SoundFields)
