"""What users write of the devices of who sits before a guest: keys, sound, USB from afar. Separate from those it works with alone."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.naming import DeviceAlias
from kvmreconcile.schema.codecs import WHOLE, YES_NO
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath


class Input(Element):
    """A keyboard, mouse or tablet."""

    type: Annotated[
        Literal["mouse", "tablet", "keyboard", "passthrough", "evdev"],
        At("@type"),
        Field(
            description='"tablet" knows where the pointer is, so that it does not drift in a remote screen; "passthrough" '
            'and "evdev" are of the host.'
        ),
    ]
    bus: Annotated[
        Literal["ps2", "usb", "virtio"] | None,
        At("@bus"),
        Field(description="The bus. Defaults to libvirt's choice."),
    ] = None
    evdev: Annotated[
        AbsolutePath | None,
        At("source/@evdev"),
        Field(description='The host\'s, with "passthrough", such as "/dev/input/event3". Defaults to none.'),
    ] = None


class Audio(Element):
    """Where a guest's sound goes on the host."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=1, description="Its number, 1 for the first.")]
    type: Annotated[
        Literal["none", "spice", "pulseaudio", "alsa", "jack", "oss", "sdl", "file", "coreaudio", "dbus"],
        At("@type"),
        Field(
            description='"spice" to who watches the screen, "none" nowhere, else to a sound system of the host.'
        ),
    ]


class Redirdev(Element):
    """A place for a USB device of who watches the screen."""

    name: DeviceAlias = None
    type: Annotated[
        Literal["spicevmc"],
        At("@type"),
        Field(description="By which way it comes; others than SPICE stand in `xml`."),
    ] = "spicevmc"
    bus: Annotated[Literal["usb"], At("@bus"), Field(description="Its bus.")] = "usb"


class RedirectRule(Element):
    """A rule about which USB devices may be redirected; the first that fits decides, and what fits none is refused."""

    allow: Annotated[bool, At("@allow", YES_NO), Field(description="Whether such devices may be.")]
    usb_class: Annotated[
        str | None,
        At("@class"),
        Field(
            pattern="^0x[0-9a-fA-F]{2}$",
            description='Class such as "0x08" (storage), two hexadecimal digits. Defaults to any.',
        ),
    ] = None
    vendor: Annotated[
        str | None,
        At("@vendor"),
        Field(pattern="^0x[0-9a-fA-F]{4}$", description="Maker, four hexadecimal digits. Defaults to any."),
    ] = None
    product: Annotated[
        str | None,
        At("@product"),
        Field(pattern="^0x[0-9a-fA-F]{4}$", description="Product, four hexadecimal digits. Defaults to any."),
    ] = None
