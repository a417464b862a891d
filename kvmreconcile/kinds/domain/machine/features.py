"""Features of the hypervisor and the machine."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.machine.hypervisor_features import Hyperv, Kvm
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Mistake
from kvmreconcile.schema.codecs import ON_OFF, PRESENT, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Node, Rules, Table


class Features(Spec):
    """Features of the hypervisor and the machine."""

    acpi: Annotated[
        bool | None,
        At("acpi", PRESENT),
        Field(
            description="ACPI, needed for the power button and hot-plug. Defaults to true for a new domain."
        ),
    ] = None
    apic: Annotated[
        bool | None,
        At("apic", PRESENT),
        Field(description="APIC, the interrupt controller of each vCPU. Defaults to true for a new domain."),
    ] = None
    pae: Annotated[
        bool | None,
        At("pae", PRESENT),
        Field(
            description="Physical address extension, for 32-bit guests with more than 4 GiB. Defaults to false."
        ),
    ] = None
    hyperv: Annotated[
        Hyperv | None,
        At("hyperv"),
        Field(description="Hyper-V enlightenments, for Windows guests. Defaults to none."),
    ] = None
    kvm: Annotated[Kvm | None, At("kvm"), Field(description="KVM features. Defaults to QEMU's choice.")] = (
        None
    )
    smm: Annotated[
        bool | None,
        At("smm/@state", ON_OFF),
        Field(description="System management mode, which Secure Boot needs. Defaults to libvirt's choice."),
    ] = None
    ioapic: Annotated[
        Literal["kvm", "qemu"] | None,
        At("ioapic/@driver"),
        Field(
            description='Where the I/O APIC is emulated; `iommu` with `intremap` needs "qemu". Defaults to "kvm".'
        ),
    ] = None
    pmu: Annotated[
        bool | None,
        At("pmu/@state", ON_OFF),
        Field(
            description="Performance monitoring unit, for perf in the guest. Defaults to the choice of the CPU mode."
        ),
    ] = None
    vmport: Annotated[
        bool | None,
        At("vmport/@state", ON_OFF),
        Field(
            description="VMware I/O port, for the absolute mouse position in old guests. Defaults to QEMU's choice."
        ),
    ] = None
    vmcoreinfo: Annotated[
        bool | None,
        At("vmcoreinfo/@state", ON_OFF),
        Field(
            description="Device by which the guest reports details of its kernel for memory dumps. Defaults to false."
        ),
    ] = None
    pvspinlock: Annotated[
        bool | None,
        At("pvspinlock/@state", ON_OFF),
        Field(
            description="Paravirtualized spinlocks: a waiting vCPU yields to the one that holds the lock. Defaults to true."
        ),
    ] = None
    tb_cache: Annotated[
        Size | None,
        At("tcg/tb-cache", Bytes()),
        Field(
            description='Size of the cache of translated code, with the type "qemu". Defaults to at most a gigabyte.'
        ),
    ] = None


class FeatureFields(Spec):
    """The field of features."""

    features: Annotated[
        Features | None, At("features"), Field(description="Features of the hypervisor and the machine.")
    ] = None


def _acpi_without_uefi(domain: Node) -> Iterator[Mistake]:
    """Source: `qemuValidateDomainDefFeatures` in libvirt's src/qemu/qemu_validate.c."""
    has_uefi = domain.get("os/@firmware") == "efi" or domain.find("os/loader")
    if domain.get("os/type/@arch") == "aarch64" and domain.find("features/acpi") and not has_uefi:
        todo = 'set "boot: {firmware: efi}", or disable ACPI ("features: {acpi: false}")'
        yield Mistake("features/acpi", "ACPI needs UEFI on aarch64", todo)


SECTION = Section(
    FeatureFields,
    Rules(measures=Table({"smm/tseg": Measure(default="MiB", step=1)})).below("features"),
    mistakes=(_acpi_without_uefi,),
)
