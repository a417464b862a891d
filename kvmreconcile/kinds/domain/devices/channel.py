"""Channels to agents in the guest."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_value
from kvmreconcile.kinds.domain.member_keys import ALIAS, shared_list
from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Switch
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table

AGENT = '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>'

SPICE_AGENT = '<channel type="spicevmc"><target type="virtio" name="com.redhat.spice.0"/></channel>'

_SPICE = "install it (Debian 13: qemu-system-modules-spice), or remove SPICE from the spec"


class ChannelFields(Spec):
    """Fields of Domain for channels to agents in the guest."""

    agent: Annotated[
        bool | None,
        At("devices/channel", Switch(AGENT)),
        Field(description="Channel to the QEMU guest agent. Defaults to true for a new domain."),
    ] = None
    spice_agent: Annotated[
        bool | None,
        At("devices/channel", Switch(SPICE_AGENT)),
        Field(
            description="Channel to the SPICE agent: clipboard, file transfer, screen size. Defaults to false."
        ),
    ] = None


SECTION = Section(
    ChannelFields,
    Rules(
        members=Table({"": shared_list(ALIAS, ("target/@name",), ("target/@address", "target/@port"))}),
        implied=Table({"source/@mode": "bind"}),
        actions=Table({"": attach_and_detach(has_value("target/@type", "virtio"))}),
    ).below("devices/channel"),
    host_parts=(
        HostPart(
            "devices/channel/@type", "spicevmc", "devices/channel", "type", "QEMU's SPICE server", _SPICE
        ),
    ),
)
