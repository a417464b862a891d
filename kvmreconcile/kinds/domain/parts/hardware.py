"""
The fields of a domain that are its devices.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.codecs import Switch
from kvmreconcile.kinds.domain.parts.devices import Filesystem, Graphics, Tpm, Video, Watchdog
from kvmreconcile.kinds.domain.parts.disks import Disk
from kvmreconcile.kinds.domain.parts.interfaces import Interface
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At

AGENT = '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>'
RNG = '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>'
SERIAL = '<serial type="pty"/>'


class Hardware(Spec):
    """The devices of a guest."""

    disks: Annotated[
        list[Disk] | None,
        At("devices/disk"),
        Field(description="Disks; the list is complete once it is written. Defaults to leaving them alone."),
    ] = None
    interfaces: Annotated[
        list[Interface] | None,
        At("devices/interface"),
        Field(
            description="Network interfaces; the list is complete once it is written. Defaults to leaving them alone."
        ),
    ] = None
    filesystems: Annotated[
        list[Filesystem] | None,
        At("devices/filesystem"),
        Field(description="Shared directories; complete once written. Defaults to leaving them alone."),
    ] = None
    graphics: Annotated[
        list[Graphics] | None, At("devices/graphics"), Field(description="Remote screens. Defaults to none.")
    ] = None
    video: Annotated[
        list[Video] | None,
        At("devices/video"),
        Field(description="Graphics cards. Defaults to libvirt's choice."),
    ] = None
    tpm: Annotated[
        Tpm | None, At("devices/tpm"), Field(description="A trusted platform module. Defaults to none.")
    ] = None
    watchdog: Annotated[
        Watchdog | None, At("devices/watchdog"), Field(description="A watchdog card. Defaults to none.")
    ] = None
    memballoon: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional", "none"] | None,
        At("devices/memballoon/@model"),
        Field(
            description="The balloon by which memory is lent back to the host. Defaults to libvirt's choice."
        ),
    ] = None
    sound: Annotated[
        str | None,
        At("devices/sound/@model"),
        Field(min_length=1, description='A sound card, such as "ich9". Defaults to none.'),
    ] = None
    agent: Annotated[
        bool | None,
        At("devices/channel", Switch(AGENT)),
        Field(description="A channel to the QEMU guest agent. Defaults to true for a new domain."),
    ] = None
    rng: Annotated[
        bool | None,
        At("devices/rng", Switch(RNG)),
        Field(description="Random numbers from the host. Defaults to true for a new domain."),
    ] = None
    serial: Annotated[
        bool | None,
        At("devices/serial", Switch(SERIAL)),
        Field(description="A serial console. Defaults to true for a new domain."),
    ] = None
