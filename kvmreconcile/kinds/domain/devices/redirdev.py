"""USB devices that are redirected from the client of a graphical console, and filter rules for them."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach
from kvmreconcile.kinds.domain.devices.naming import DeviceAlias
from kvmreconcile.kinds.domain.member_keys import ALIAS, ORDERED, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.spellings import NUMBER
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import YES_NO
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Scalar, Table, combined
from kvmreconcile.tree.scalars import hundredths


class Redirdev(Element):
    """A USB redirection channel for a viewer of a graphical console."""

    name: DeviceAlias = None
    type: Annotated[
        Literal["spicevmc"],
        At("@type"),
        Field(description="Type of the channel. Use `xml` for types other than SPICE."),
    ] = "spicevmc"
    bus: Annotated[Literal["usb"], At("@bus"), Field(description="Bus.")] = "usb"


class RedirectRule(Element):
    """
    A rule that allows or denies the redirection of USB devices.

    The first matching rule applies. Devices that match no rule are denied.
    """

    allow: Annotated[
        bool, At("@allow", YES_NO), Field(description="Whether matching devices may be redirected.")
    ]
    usb_class: Annotated[
        str | None,
        At("@class"),
        Field(
            pattern="^0x[0-9a-fA-F]{2}$",
            description='USB class: two hexadecimal digits, such as "0x08" (storage). Defaults to any.',
        ),
    ] = None
    vendor: Annotated[
        str | None,
        At("@vendor"),
        Field(
            pattern="^0x[0-9a-fA-F]{4}$", description="Vendor ID: four hexadecimal digits. Defaults to any."
        ),
    ] = None
    product: Annotated[
        str | None,
        At("@product"),
        Field(
            pattern="^0x[0-9a-fA-F]{4}$", description="Product ID: four hexadecimal digits. Defaults to any."
        ),
    ] = None


class RedirdevFields(Spec):
    """Fields of Domain for USB redirection."""

    redirdevs: Annotated[
        list[Redirdev] | None,
        At("devices/redirdev"),
        Field(
            description=(
                "USB redirection channels for the SPICE client. Unlisted channels are kept. Defaults to none."
            )
        ),
    ] = None
    redirfilter: Annotated[
        list[RedirectRule] | None,
        At("devices/redirfilter/usbdev"),
        Field(
            description=(
                "Rules that allow or deny the redirection of USB devices. The first matching rule "
                "applies; devices that match no rule are denied. Defaults to none: all devices are "
                "allowed."
            )
        ),
    ] = None


SECTION = Section(
    RedirdevFields,
    combined(
        Rules(
            members=Table({"": shared_list(ALIAS, fallback=(("@type", "@bus"),))}),
            implied=Table({"protocol/@type": "raw"}),
            actions=Table({"": attach_and_detach()}),
        ).below("devices/redirdev"),
        Rules(
            members=Table({"": ORDERED}),
            scalars=Table({"@version": Scalar(hundredths), "@*": NUMBER}),
        ).below("devices/redirfilter/usbdev"),
    ),
)
