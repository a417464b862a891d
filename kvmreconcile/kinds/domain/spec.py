"""
What users write of a domain.

Separate from rendering, because the reference page, the JSON Schema and every error come from here.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from kvmreconcile.kinds.codecs import Bytes, Switch
from kvmreconcile.kinds.domain.devices import Filesystem, Graphics, Tpm, Video, Watchdog
from kvmreconcile.kinds.domain.disks import Disk
from kvmreconcile.kinds.domain.interfaces import Interface
from kvmreconcile.kinds.domain.machine import Boot, Cpu, Features, Vcpus, read_vcpus
from kvmreconcile.kinds.kind import ObjectSpec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import AbsolutePath, Size

AGENT = '<channel type="unix"><target type="virtio" name="org.qemu.guest_agent.0"/></channel>'
RNG = '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>'
SERIAL = '<serial type="pty"/>'
UUID = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$")]
Lifecycle = Literal["destroy", "restart", "preserve", "rename-restart"]


class DomainSpec(ObjectSpec):
    """A virtual machine."""

    state: Annotated[
        Literal["running", "stopped", "any"],
        Field(description='Whether the guest runs; "any" leaves it as found. Defaults to "running".'),
    ] = "running"
    autostart: Annotated[
        bool | None,
        Field(
            description="Let libvirt start it when the host boots. Defaults to leaving it as found (off for a new one)."
        ),
    ] = None
    type: Annotated[
        Literal["kvm", "qemu", "hvf", "xen"] | None,
        At("@type"),
        Field(
            description='"kvm" uses the processor, "qemu" emulates one. Defaults to "kvm" for a new domain.'
        ),
    ] = None
    uuid: Annotated[
        UUID | None,
        At("uuid"),
        Field(
            description="UUID. Defaults to one derived from the instance and the name, given at birth and kept."
        ),
    ] = None
    title: Annotated[
        str | None, At("title"), Field(min_length=1, description="A short line for people. Defaults to none.")
    ] = None
    description: Annotated[
        str | None, At("description"), Field(min_length=1, description="A text for people. Defaults to none.")
    ] = None
    memory: Annotated[
        Size | None,
        At("memory", Bytes()),
        Field(description="Memory of the guest. Required unless `xml` gives it."),
    ] = None
    current_memory: Annotated[
        Size | None,
        At("currentMemory", Bytes()),
        Field(
            description="What the balloon leaves to the guest, at most `memory`. Defaults to all of `memory`."
        ),
    ] = None
    vcpus: Annotated[
        Vcpus | None,
        At("vcpu"),
        BeforeValidator(read_vcpus, json_schema_input_type=int | Vcpus),
        Field(description="Virtual processors. Defaults to 1 for a new domain."),
    ] = None
    cpu: Annotated[
        Cpu | None, At("cpu"), Field(description="The processor the guest sees. Defaults to the host's own.")
    ] = None
    arch: Annotated[
        str | None,
        At("os/type/@arch"),
        Field(min_length=1, description="Processor architecture. Defaults to the host's."),
    ] = None
    machine: Annotated[
        str | None,
        At("os/type/@machine"),
        Field(
            min_length=1,
            description='Machine type; an alias such as "q35" is satisfied by any version of it. Defaults to "q35" for a new x86 domain.',
        ),
    ] = None
    emulator: Annotated[
        AbsolutePath | None,
        At("devices/emulator"),
        Field(description="The QEMU binary. Defaults to libvirt's choice."),
    ] = None
    firmware: Annotated[
        Literal["bios", "efi"] | None,
        At("os/@firmware"),
        Field(description="Firmware; libvirt picks the file. Defaults to BIOS."),
    ] = None
    features: Annotated[
        Features | None, At("features"), Field(description="What the machine offers the guest.")
    ] = None
    boot: Annotated[
        Boot | None, At(""), Field(description="What the guest starts from. Defaults to its first disk.")
    ] = None
    clock: Annotated[
        Literal["utc", "localtime"] | None,
        At("clock/@offset"),
        Field(description='What its clock shows at start. Defaults to "utc".'),
    ] = None
    on_poweroff: Annotated[
        Lifecycle | None,
        At("on_poweroff"),
        Field(description='After the guest powers off. Defaults to "destroy" (it stays off).'),
    ] = None
    on_reboot: Annotated[
        Lifecycle | None,
        At("on_reboot"),
        Field(description='After the guest reboots. Defaults to "restart".'),
    ] = None
    on_crash: Annotated[
        Lifecycle | Literal["coredump-destroy", "coredump-restart"] | None,
        At("on_crash"),
        Field(description='After the guest crashes. Defaults to "destroy".'),
    ] = None
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

    @model_validator(mode="after")
    def _check(self) -> "DomainSpec":
        if self.memory is None and self.xml is None:
            raise ValueError('say how much "memory" the guest has')
        if self.memory and self.current_memory and self.current_memory > self.memory:
            raise ValueError('"currentMemory" is more than "memory"')
        devices = (*(self.disks or ()), *(self.interfaces or ()), *(self.filesystems or ()))
        _check_unlike("name", [device.name for device in devices])
        _check_unlike("target", [disk.target for disk in self.disks or ()])
        _check_unlike("mac", [nic.mac.lower() if nic.mac else None for nic in self.interfaces or ()])
        return self


def _check_unlike(field: str, values: list[str | None]) -> None:
    """Refuse a value that two devices share, since each must be told from the others."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f'two devices have the {field} "{value}"; give each its own')
        if value is not None:
            seen.add(value)
