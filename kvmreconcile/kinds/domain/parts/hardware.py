"""
The fields of a domain that are its devices.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.parts.controllers import Controller, Hotplug, Iommu
from kvmreconcile.kinds.domain.parts.devices import Filesystem, Memballoon, Rng, Shmem, Sound, Vsock, Watchdog
from kvmreconcile.kinds.domain.parts.disks import Disk
from kvmreconcile.kinds.domain.parts.graphics import Graphics, Video
from kvmreconcile.kinds.domain.parts.interfaces import Interface
from kvmreconcile.kinds.domain.parts.memory_devices import MemoryDevice
from kvmreconcile.kinds.domain.parts.passthrough import Hostdev
from kvmreconcile.kinds.domain.parts.peripherals import Audio, Input, Redirdev, RedirectRule
from kvmreconcile.kinds.domain.parts.security import Tpm
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Switch
from kvmreconcile.schema.mapping import At

AGENT = '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>'
RNG = '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>'
SPICE_AGENT = '<channel type="spicevmc"><target type="virtio" name="com.redhat.spice.0"/></channel>'
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
    hostdevs: Annotated[
        list[Hostdev] | None,
        At("devices/hostdev"),
        Field(
            description="Devices of the host; the list is complete once it is written. Defaults to leaving them alone."
        ),
    ] = None
    memory_devices: Annotated[
        list[MemoryDevice] | None,
        At("devices/memory"),
        Field(
            description="Memory beside `memory`, on which it comes on top; complete once written. Defaults to leaving it alone."
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
        Watchdog | None,
        At("devices/watchdog"),
        Field(
            description='A watchdog device. Defaults to none, but for "itco", which libvirt 9.1 and later add to q35.'
        ),
    ] = None
    memballoon: Annotated[
        Memballoon | None,
        At("devices/memballoon"),
        Field(
            description="The balloon by which memory is lent back to the host. Defaults to libvirt's choice."
        ),
    ] = None
    sound: Annotated[
        Sound | list[Sound] | None,
        At("devices/sound"),
        Field(description='A sound card, such as "ich9", or several. Defaults to none.'),
    ] = None
    agent: Annotated[
        bool | None,
        At("devices/channel", Switch(AGENT)),
        Field(description="A channel to the QEMU guest agent. Defaults to true for a new domain."),
    ] = None
    spice_agent: Annotated[
        bool | None,
        At("devices/channel", Switch(SPICE_AGENT)),
        Field(
            description="A channel to SPICE's agent: clipboard, files, size of the screen. Defaults to false."
        ),
    ] = None
    rng: Annotated[
        bool | Rng | list[Rng] | None,
        At("devices/rng", Switch(RNG)),
        Field(
            description="A random number generator (virtio-rng), or several. Defaults to true for a new domain."
        ),
    ] = None
    serial: Annotated[
        bool | None,
        At("devices/serial", Switch(SERIAL)),
        Field(description="A serial console. Defaults to true for a new domain."),
    ] = None
    vsock: Annotated[
        Vsock | None,
        At("devices/vsock"),
        Field(description="Sockets between guest and host without a network. Defaults to none."),
    ] = None
    shmems: Annotated[
        list[Shmem] | None,
        At("devices/shmem"),
        Field(description="Memory shared with others; what is not named stays. Defaults to none."),
    ] = None
    panic: Annotated[
        Literal["isa", "pvpanic", "hyperv", "pseries", "s390"] | None,
        At("devices/panic/@model"),
        Field(
            description="A device by which a guest tells that it crashed, for `onCrash`. Defaults to none."
        ),
    ] = None
    inputs: Annotated[
        list[Input] | None,
        At("devices/input"),
        Field(
            description="Keyboards, mice and tablets; what is not named stays. Defaults to libvirt's choice."
        ),
    ] = None
    audio: Annotated[
        list[Audio] | None,
        At("devices/audio"),
        Field(description="Where sound goes; what is not named stays. Defaults to libvirt's choice."),
    ] = None
    redirdevs: Annotated[
        list[Redirdev] | None,
        At("devices/redirdev"),
        Field(
            description="Places for USB devices of who watches; what is not named stays. Defaults to none."
        ),
    ] = None
    redirfilter: Annotated[
        list[RedirectRule] | None,
        At("devices/redirfilter/usbdev"),
        Field(description="Which USB devices may come that way, first match first. Defaults to all."),
    ] = None
    controllers: Annotated[
        list[Controller] | None,
        At("devices/controller"),
        Field(description="Buses for devices; what is not named stays. Defaults to what the devices need."),
    ] = None
    hotplug: Annotated[
        Hotplug | None,
        Field(description="Room for what is plugged in later, of machine q35. Defaults to 12 slots."),
    ] = None
    iommu: Annotated[
        Iommu | None,
        At("devices/iommu"),
        Field(description="A unit that translates devices' addresses. Defaults to none."),
    ] = None
