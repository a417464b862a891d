"""Video devices."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import ALIAS, shared_list
from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO, Bytes
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Members, Reset, Rules, Table


class Video(Element):
    """A video device."""

    model: Annotated[
        str,
        At("model/@type"),
        Field(min_length=1, description='Model: "virtio", "qxl", "vga", "bochs", "none" and others.'),
    ]
    heads: Annotated[
        int | None, At("model/@heads", WHOLE), Field(ge=1, description="Number of screens. Defaults to 1.")
    ] = None
    primary: Annotated[
        bool | None,
        At("model/@primary", YES_NO),
        Field(description="Whether this is the primary card. Defaults to true for the first card."),
    ] = None
    ram: Annotated[
        Size | None,
        At("model/@ram", Bytes(beside="")),
        Field(description="Size of the first memory region of qxl. Defaults to libvirt's choice."),
    ] = None
    vram: Annotated[
        Size | None,
        At("model/@vram", Bytes(beside="")),
        Field(description="Size of the video memory. Defaults to libvirt's choice."),
    ] = None
    vgamem: Annotated[
        Size | None,
        At("model/@vgamem", Bytes(beside="")),
        Field(description="Framebuffer memory of qxl. It limits the resolution. Defaults to 16MiB."),
    ] = None
    accel3d: Annotated[
        bool | None,
        At("model/acceleration/@accel3d", YES_NO),
        Field(
            description=(
                'Whether the host\'s graphics card renders 3D; requires the model "virtio" and `gl` of '
                "the console. Defaults to false."
            )
        ),
    ] = None


class VideoFields(Spec):
    """Field of Domain for graphics cards."""

    video: Annotated[
        list[Video] | None,
        At("devices/video"),
        Field(description="Video devices. Defaults to libvirt's choice."),
    ] = None


_QXL = "install it (Debian 13: qemu-system-modules-spice), or set another video model"
SECTION = Section(
    VideoFields,
    Rules(
        # libvirt moves the primary card to the front.
        members=Table(
            {"": Members((ALIAS,), hints=(("model/@primary",),)), "model/acceleration": shared_list()}
        ),
        implied=Table({"model/@primary": "no"}),
        resets=Table(
            {
                "": (Reset("model/@type", ("address",)),),
                "model": (Reset("@type", ("@ram", "@vram", "@vgamem", "@vram64", "@heads", "@primary")),),
            }
        ),
    ).below("devices/video"),
    host_parts=(
        HostPart(
            "devices/video/model/@type", "qxl", "devices/video", "modelType", "QEMU's video device qxl", _QXL
        ),
    ),
)
