"""Features of the hypervisor that a guest sees: Hyper-V enlightenments and KVM features."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.mapping import At


class Hyperv(Spec):
    """Hyper-V enlightenments, which make Windows faster."""

    mode: Annotated[
        Literal["custom", "passthrough"] | None,
        At("@mode"),
        Field(
            description=(
                'Mode: "passthrough" enables all enlightenments that the host supports, "custom" '
                'enables the enlightenments that are set here. Defaults to "custom".'
            )
        ),
    ] = None
    relaxed: Annotated[
        bool | None,
        At("relaxed/@state", ON_OFF),
        Field(
            description="Whether guest watchdogs tolerate late timers (relaxed timing). Defaults to false."
        ),
    ] = None
    vapic: Annotated[
        bool | None,
        At("vapic/@state", ON_OFF),
        Field(description="Virtual APIC: faster interrupts. Defaults to false."),
    ] = None
    spinlocks: Annotated[
        int | None,
        At("spinlocks/@retries", WHOLE, also=(("spinlocks/@state", "on"),)),
        Field(
            ge=4095,
            description=(
                "Number of attempts to get a spinlock before a waiting vCPU yields; 8191 is common. "
                "Defaults to none: vCPUs do not yield."
            ),
        ),
    ] = None
    vpindex: Annotated[
        bool | None,
        At("vpindex/@state", ON_OFF),
        Field(description="Virtual processor index (VP index). Defaults to false."),
    ] = None
    runtime: Annotated[
        bool | None,
        At("runtime/@state", ON_OFF),
        Field(description="Virtual processor run time (VP runtime). Defaults to false."),
    ] = None
    synic: Annotated[
        bool | None,
        At("synic/@state", ON_OFF),
        Field(description="Synthetic interrupt controller; requires `vpindex`. Defaults to false."),
    ] = None
    stimer: Annotated[
        bool | None,
        At("stimer/@state", ON_OFF),
        Field(description="Synthetic timers; requires `synic`. Defaults to false."),
    ] = None
    stimer_direct: Annotated[
        bool | None,
        At("stimer/direct/@state", ON_OFF),
        Field(description="Direct mode of synthetic timers; requires `stimer`. Defaults to false."),
    ] = None
    reset: Annotated[
        bool | None,
        At("reset/@state", ON_OFF),
        Field(description="Whether the guest can reset itself through the hypervisor. Defaults to false."),
    ] = None
    vendor_id: Annotated[
        str | None,
        At("vendor_id/@value", also=(("vendor_id/@state", "on"),)),
        Field(
            min_length=1,
            max_length=12,
            description="Hypervisor vendor ID that the guest reads. Defaults to Microsoft's vendor ID.",
        ),
    ] = None
    frequencies: Annotated[
        bool | None,
        At("frequencies/@state", ON_OFF),
        Field(description="Registers (MSRs) with the frequencies of TSC and APIC. Defaults to false."),
    ] = None
    reenlightenment: Annotated[
        bool | None,
        At("reenlightenment/@state", ON_OFF),
        Field(
            description="Notification when a migration changes the TSC frequency (re-enlightenment). Defaults to false."
        ),
    ] = None
    tlbflush: Annotated[
        bool | None,
        At("tlbflush/@state", ON_OFF),
        Field(description="Paravirtual TLB flush; requires `vpindex`. Defaults to false."),
    ] = None
    ipi: Annotated[
        bool | None,
        At("ipi/@state", ON_OFF),
        Field(description="Paravirtual interprocessor interrupts; requires `vpindex`. Defaults to false."),
    ] = None
    evmcs: Annotated[
        bool | None,
        At("evmcs/@state", ON_OFF),
        Field(description="Enlightened VMCS, which makes nested guests faster on Intel. Defaults to false."),
    ] = None
    avic: Annotated[
        bool | None,
        At("avic/@state", ON_OFF),
        Field(
            description=(
                "Whether `vapic` can be used together with the processor's APIC virtualization (AVIC). Defaults "
                "to false."
            )
        ),
    ] = None


class Kvm(Spec):
    """KVM features visible to the guest."""

    hidden: Annotated[
        bool | None,
        At("hidden/@state", ON_OFF),
        Field(
            description=(
                "Whether KVM is hidden from the guest, for drivers that refuse to run in a VM. Defaults "
                "to false."
            )
        ),
    ] = None
    hint_dedicated: Annotated[
        bool | None,
        At("hint-dedicated/@state", ON_OFF),
        Field(
            description=(
                "Hint to the guest that its vCPUs run on dedicated host CPUs, for example with "
                "`cputune.vcpupin`. Defaults to false."
            )
        ),
    ] = None
    poll_control: Annotated[
        bool | None,
        At("poll-control/@state", ON_OFF),
        Field(
            description="Whether the guest can disable polling by the host before a vCPU halts. Defaults to false."
        ),
    ] = None
    pv_ipi: Annotated[
        bool | None,
        At("pv-ipi/@state", ON_OFF),
        Field(description="Paravirtual interprocessor interrupts. Defaults to true."),
    ] = None
    dirty_ring: Annotated[
        int | None,
        At("dirty-ring/@size", WHOLE, also=(("dirty-ring/@state", "on"),)),
        Field(
            ge=1024,
            le=65536,
            description="Size of the dirty ring, a power of 2. Defaults to none: a bitmap tracks changed pages.",
        ),
    ] = None
