"""
What a new domain, disk or interface is given where the spec is silent.

Separate from the other rules because it is taste and not knowledge. Counts at birth only: what exists is never
brought to it, so these may change without touching anybody's guest.
"""

from kvmreconcile.kinds.domain.parts.hardware import AGENT, RNG, SERIAL
from kvmreconcile.tree import Birth, Node, Table, parse

SPARE_PORTS = 12
"""PCI Express ports of a new q35 guest: each takes one device, and what is left takes those plugged in later."""

_PORTS = '<controller type="pci" index="0" model="pcie-root"/>' + "".join(
    f'<controller type="pci" index="{index}" model="pcie-root-port"/>' for index in range(1, SPARE_PORTS + 1)
)


def _domain(kind: str, *, q35: bool) -> Node:
    machine = ' machine="q35"' if q35 else ""
    cpu = '<cpu mode="host-passthrough"/>' if kind == "kvm" else ""
    return parse(
        f'<domain type="{kind}"><os><type{machine}>hvm</type></os><features><acpi/><apic/></features>{cpu}'
        f'<clock offset="utc"/><devices>{_PORTS if q35 else ""}{SERIAL}{AGENT}{RNG}</devices></domain>'
    )


_ARCH, _MACHINE, _TYPE = "os/type/@arch", "os/type/@machine", "@type"
_X86: tuple[str | None, ...] = (None, "x86_64")

_DOMAINS = (
    *(
        Birth(_domain(kind, q35=True), ((_TYPE, said), (_MACHINE, machine), (_ARCH, arch)))
        for kind, said in (("qemu", "qemu"), ("kvm", "kvm"), ("kvm", None))
        for machine in (None, "q35")
        for arch in _X86
    ),
    Birth(_domain("qemu", q35=False), ((_TYPE, "qemu"),)),
    Birth(_domain("kvm", q35=False)),
)

_DISK = '<disk type="file" device="disk"><driver name="qemu" discard="unmap"/>{}</disk>'
_CDROM = '<disk type="file" device="cdrom">{}<readonly/></disk>'

_DISKS = (
    Birth(parse(_CDROM.format('<target bus="sata"/>')), (("@device", "cdrom"), ("target/@dev", None))),
    Birth(parse(_CDROM.format("")), (("@device", "cdrom"),)),
    Birth(parse('<disk type="file" device="floppy"/>'), (("@device", "floppy"),)),
    Birth(parse('<disk type="block" device="lun"/>'), (("@device", "lun"),)),
    Birth(parse(_DISK.format('<target bus="virtio"/>')), (("target/@dev", None),)),
    Birth(parse(_DISK.format(""))),
)

# Without a port a screen would be reachable by nobody.
_SCREENS = (
    Birth(parse("<graphics/>"), (("listen/@type", "socket"),)),
    *(
        Birth(parse('<graphics autoport="yes"/>'), (("@type", kind), ("@port", None), ("@tlsPort", None)))
        for kind in ("vnc", "spice")
    ),
)

BIRTHS: Table[tuple[Birth, ...]] = Table(
    {
        "": _DOMAINS,
        "devices/disk": _DISKS,
        "devices/graphics": _SCREENS,
        "devices/interface": (Birth(parse('<interface type="network"><model type="virtio"/></interface>')),),
    }
)
