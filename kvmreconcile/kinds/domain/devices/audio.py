"""Audio backends of the host."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table


class Audio(Element):
    """An audio backend: how the host outputs the guest's sound."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=1, description="Number of the backend, from 1.")]
    type: Annotated[
        Literal["none", "spice", "pulseaudio", "alsa", "jack", "oss", "sdl", "file", "coreaudio", "dbus"],
        At("@type"),
        Field(
            description=(
                'Backend: "spice" sends sound to SPICE clients, "none" discards it; all other values '
                "are sound systems of the host."
            )
        ),
    ]


class AudioFields(Spec):
    """Field of Domain for audio backends."""

    audio: Annotated[
        list[Audio] | None,
        At("devices/audio"),
        Field(description="Audio backends. Unlisted backends are kept. Defaults to libvirt's choice."),
    ] = None


SECTION = Section(AudioFields, Rules(members=Table({"": shared_list(("@id",))})).below("devices/audio"))
