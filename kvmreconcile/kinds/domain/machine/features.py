"""The features of a machine."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.machine.hypervisor_features import Hyperv, Kvm
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import DefinitionProblem
from kvmreconcile.schema.codecs import ON_OFF, PRESENT, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size
from kvmreconcile.tree import Measure, Node, Rules, Table


class Features(Spec):
    """Features of the machine."""

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
        Field(
            description="A local interrupt controller (APIC) for each vCPU. Defaults to true for a new domain."
        ),
    ] = None
    pae: Annotated[
        bool | None,
        At("pae", PRESENT),
        Field(description="Whether 32-bit guests can use memory above 4 GiB. Defaults to false."),
    ] = None
    hyperv: Annotated[
        Hyperv | None,
        At("hyperv"),
        Field(description="Hyper-V enlightenments for Windows. Defaults to none."),
    ] = None
    kvm: Annotated[
        Kvm | None,
        At("kvm"),
        Field(description="KVM features visible to the guest. Defaults to QEMU's choice."),
    ] = None
    smm: Annotated[
        bool | None,
        At("smm/@state", ON_OFF),
        Field(
            description="System management mode, which secure boot requires. Defaults to libvirt's choice."
        ),
    ] = None
    ioapic: Annotated[
        Literal["kvm", "qemu"] | None,
        At("ioapic/@driver"),
        Field(
            description=(
                'Implementation of the I/O APIC; "qemu" is required for `iommu` with interrupt remapping. '
                'Defaults to "kvm".'
            )
        ),
    ] = None
    pmu: Annotated[
        bool | None,
        At("pmu/@state", ON_OFF),
        Field(
            description=(
                "Performance counters of the vCPUs (PMU), for perf in the guest. Defaults to the "
                "value that the CPU mode implies."
            )
        ),
    ] = None
    vmport: Annotated[
        bool | None,
        At("vmport/@state", ON_OFF),
        Field(
            description="VMware I/O port, which old guests use to read the mouse position. Defaults to QEMU's choice."
        ),
    ] = None
    vmcoreinfo: Annotated[
        bool | None,
        At("vmcoreinfo/@state", ON_OFF),
        Field(
            description=(
                "Whether the guest can report the address of its kernel (vmcoreinfo), for memory dumps. Defaults "
                "to false."
            )
        ),
    ] = None
    pvspinlock: Annotated[
        bool | None,
        At("pvspinlock/@state", ON_OFF),
        Field(
            description=(
                "Whether a vCPU that waits for a lock yields to the vCPU that holds the lock "
                "(paravirtual spinlocks). Defaults to true."
            )
        ),
    ] = None
    tb_cache: Annotated[
        Size | None,
        At("tcg/tb-cache", Bytes()),
        Field(
            description=(
                'Size of the cache for translated code, for domains of type "qemu". Defaults to QEMU\'s '
                "choice, at most 1GiB."
            )
        ),
    ] = None


class FeatureFields(Spec):
    """Field of Domain for features."""

    features: Annotated[Features | None, At("features"), Field(description="Features of the machine.")] = None


def _acpi_without_uefi(domain: Node) -> Iterator[DefinitionProblem]:
    """
    Yield a problem if an aarch64 guest has ACPI but no UEFI firmware.

    Source: `qemuValidateDomainDefFeatures` in libvirt's src/qemu/qemu_validate.c.
    """
    has_uefi = domain.get("os/@firmware") == "efi" or domain.find("os/loader")
    if domain.get("os/type/@arch") == "aarch64" and domain.find("features/acpi") and not has_uefi:
        todo = 'set "firmware: efi", or disable ACPI ("features: {acpi: false}")'
        yield DefinitionProblem("features/acpi", "ACPI needs UEFI on aarch64", todo)


SECTION = Section(
    FeatureFields,
    Rules(measures=Table({"smm/tseg": Measure(default="MiB", step=1)})).below("features"),
    definition_checks=(_acpi_without_uefi,),
)
