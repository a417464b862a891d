"""Keyboards, mice and tablets."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_value
from kvmreconcile.kinds.domain.member_keys import ALIAS, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import Reset, Rules, Table


class Input(Element):
    """A keyboard, mouse or tablet."""

    type: Annotated[
        Literal["mouse", "tablet", "keyboard", "passthrough", "evdev"],
        At("@type"),
        Field(
            description=(
                'Type. "tablet" reports absolute positions, so that the pointer does not drift in a '
                'graphical console. "passthrough" and "evdev" use devices of the host.'
            )
        ),
    ]
    bus: Annotated[
        Literal["ps2", "usb", "virtio"] | None,
        At("@bus"),
        Field(description="Bus. Defaults to libvirt's choice."),
    ] = None
    evdev: Annotated[
        AbsolutePath | None,
        At("source/@evdev"),
        Field(description='Host device for "passthrough", such as "/dev/input/event3". Defaults to none.'),
    ] = None


class InputFields(Spec):
    """Field of Domain for input devices."""

    inputs: Annotated[
        list[Input] | None,
        At("devices/input"),
        Field(
            description="Keyboards, mice and tablets. Unlisted devices are kept. Defaults to libvirt's choice."
        ),
    ] = None


SECTION = Section(
    InputFields,
    Rules(
        members=Table({"": shared_list(ALIAS, ("@type", "@bus"))}),
        resets=Table({"": (Reset("@bus", ("address",)),)}),
        actions=Table(
            {
                "": (
                    *attach_and_detach(has_value("@bus", "usb", "virtio")),
                    *attach_and_detach(has_value("@type", "evdev"), since=(10, 4, 0)),
                )
            }
        ),
    ).below("devices/input"),
)
