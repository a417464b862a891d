"""
What a new domain, disk or interface is given where the spec is silent.

Separate from the other rules because it is taste and not knowledge. Counts at birth only: what exists is never
brought to it, so these may change without touching anybody's guest.
"""

from kvmreconcile.kinds.domain.parts.hardware import AGENT, RNG, SERIAL
from kvmreconcile.tree import CreationDefaults, Node, Table, parse

SPARE_PORTS = 12
"""PCI Express ports of a new q35 guest: each takes one device, and what is left takes those plugged in later."""

_PORTS = '<controller type="pci" index="0" model="pcie-root"/>' + "".join(
    f'<controller type="pci" index="{index}" model="pcie-root-port"/>' for index in range(1, SPARE_PORTS + 1)
)


_OF_X86 = "<acpi/><apic/>"


def _domain(kind: str, features: str = _OF_X86, *, q35: bool = False) -> Node:
    machine = ' machine="q35"' if q35 else ""
    cpu = '<cpu mode="host-passthrough"/>' if kind == "kvm" else ""
    return parse(
        f'<domain type="{kind}"><os><type{machine}>hvm</type></os><features>{features}</features>{cpu}'
        f'<clock offset="utc"/><devices>{_PORTS if q35 else ""}{SERIAL}{AGENT}{RNG}</devices></domain>'
    )


_ARCH, _MACHINE, _TYPE, _FIRMWARE = "os/type/@arch", "os/type/@machine", "@type", "os/@firmware"
_X86: tuple[str | None, ...] = (None, "x86_64")
_KINDS: tuple[tuple[str, str | None], ...] = (("qemu", "qemu"), ("kvm", "kvm"), ("kvm", None))
"""The domain type of a new guest, and the type that its spec gives."""

_DOMAINS = (
    *(
        CreationDefaults(_domain(kind, q35=True), ((_TYPE, said), (_MACHINE, machine), (_ARCH, arch)))
        for kind, said in _KINDS
        for machine in (None, "q35")
        for arch in _X86
    ),
    *(
        CreationDefaults(_domain(kind), ((_TYPE, said), (_ARCH, arch)))
        for kind, said in _KINDS
        for arch in (*_X86, "i686")
    ),
    # Of the others Arm has ACPI, and there by UEFI alone (`qemuDomainDefEnableDefaultFeatures`, qemu_domain.c).
    *(
        CreationDefaults(_domain(kind, "<acpi/>"), ((_TYPE, said), (_ARCH, "aarch64"), (_FIRMWARE, "efi")))
        for kind, said in _KINDS
    ),
    *(CreationDefaults(_domain(kind, ""), ((_TYPE, said),)) for kind, said in _KINDS),
)

_DISK = '<disk type="file" device="disk"><driver name="qemu" discard="unmap"/>{}</disk>'
_CDROM = '<disk type="file" device="cdrom">{}<readonly/></disk>'
_FLOPPY = '<disk type="file" device="floppy">{}</disk>'

_DISKS = (
    CreationDefaults(
        parse(_CDROM.format('<target bus="sata"/>')), (("@device", "cdrom"), ("target/@dev", None))
    ),
    CreationDefaults(parse(_CDROM.format("")), (("@device", "cdrom"),)),
    CreationDefaults(
        parse(_FLOPPY.format('<target bus="fdc"/>')), (("@device", "floppy"), ("target/@dev", None))
    ),
    CreationDefaults(parse(_FLOPPY.format("")), (("@device", "floppy"),)),
    CreationDefaults(parse('<disk type="block" device="lun"/>'), (("@device", "lun"),)),
    CreationDefaults(parse(_DISK.format('<target bus="virtio"/>')), (("target/@dev", None),)),
    CreationDefaults(parse(_DISK.format(""))),
)

# Without a port a screen would be reachable by nobody.
_SCREENS = (
    CreationDefaults(parse("<graphics/>"), (("listen/@type", "socket"),)),
    *(
        CreationDefaults(
            parse('<graphics autoport="yes"/>'), (("@type", kind), ("@port", None), ("@tlsPort", None))
        )
        for kind in ("vnc", "spice")
    ),
)

BIRTHS: Table[tuple[CreationDefaults, ...]] = Table(
    {
        "": _DOMAINS,
        "devices/disk": _DISKS,
        "devices/graphics": _SCREENS,
        # libvirt gives some models 1.2, which current guests do not take.
        "devices/tpm": (
            CreationDefaults(
                parse('<tpm><backend type="emulator" version="2.0"/></tpm>'),
                (("backend/@type", "emulator"), ("backend/@version", None)),
            ),
        ),
        "devices/interface": (
            CreationDefaults(parse('<interface type="network"><model type="virtio"/></interface>')),
        ),
    }
)
