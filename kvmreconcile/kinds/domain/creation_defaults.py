"""
Defaults of new domains, for values that their specs do not set.

These defaults are used at creation only. Existing domains never get them, so a changed default affects no
existing guest. Defaults of devices are in the sections of the devices.
"""

from kvmreconcile.kinds.domain.devices.channel import AGENT
from kvmreconcile.kinds.domain.devices.rng import RNG
from kvmreconcile.kinds.domain.devices.serial import SERIAL
from kvmreconcile.tree import CreationDefaults, Node, parse

SPARE_PORTS = 12
"""PCI Express ports of a new q35 guest: each device occupies one, and the free ones are for hot-plug."""

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
"""The domain type of a new guest, and the type in its spec."""

CREATION_DEFAULTS = (
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
    # Of the other architectures only Arm has ACPI, and only with UEFI (`qemuDomainDefEnableDefaultFeatures`, qemu_domain.c).
    *(
        CreationDefaults(_domain(kind, "<acpi/>"), ((_TYPE, said), (_ARCH, "aarch64"), (_FIRMWARE, "efi")))
        for kind, said in _KINDS
    ),
    *(CreationDefaults(_domain(kind, ""), ((_TYPE, said),)) for kind, said in _KINDS),
)
