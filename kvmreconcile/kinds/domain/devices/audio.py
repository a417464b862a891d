"""Audio backends of the host."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.members import shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table


class Audio(Element):
    """An audio backend, which plays a guest's sound on the host."""

    id: Annotated[
        int, At("@id", WHOLE), Field(ge=1, description="Number of the audio backend; the first has 1.")
    ]
    type: Annotated[
        Literal["none", "spice", "pulseaudio", "alsa", "jack", "oss", "sdl", "file", "coreaudio", "dbus"],
        At("@type"),
        Field(
            description='Where sound is played: "spice" in the SPICE client, "none" nowhere, others by a sound system of the host.'
        ),
    ]


class AudioFields(Spec):
    """The field of audio backends."""

    audio: Annotated[
        list[Audio] | None,
        At("devices/audio"),
        Field(
            description="Audio backends of the host. Unlisted ones are kept. Defaults to libvirt's choice."
        ),
    ] = None


SECTION = Section(AudioFields, Rules(members=Table({"": shared_list(("@id",))})).below("devices/audio"))
