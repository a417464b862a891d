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
                'Mode: "passthrough" enables all that the host supports, "custom" those that are set here. '
                'Defaults to "custom".'
            )
        ),
    ] = None
    relaxed: Annotated[
        bool | None,
        At("relaxed/@state", ON_OFF),
        Field(description="Relaxed watchdogs for late timers. Defaults to false."),
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
            description="Number of attempts before a waiting processor yields; 8191 is usual. Defaults to not yielding.",
        ),
    ] = None
    vpindex: Annotated[
        bool | None,
        At("vpindex/@state", ON_OFF),
        Field(description="Virtual processor index. Defaults to false."),
    ] = None
    runtime: Annotated[
        bool | None,
        At("runtime/@state", ON_OFF),
        Field(description="Virtual processor run time. Defaults to false."),
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
        bool | None, At("reset/@state", ON_OFF), Field(description="Reset by hypervisor. Defaults to false.")
    ] = None
    vendor_id: Annotated[
        str | None,
        At("vendor_id/@value", also=(("vendor_id/@state", "on"),)),
        Field(
            min_length=1,
            max_length=12,
            description="Vendor ID of the hypervisor that the guest reads. Defaults to Microsoft's.",
        ),
    ] = None
    frequencies: Annotated[
        bool | None,
        At("frequencies/@state", ON_OFF),
        Field(description="Frequencies of clocks as registers. Defaults to false."),
    ] = None
    reenlightenment: Annotated[
        bool | None,
        At("reenlightenment/@state", ON_OFF),
        Field(description="Notification when a migration changes the clock frequency. Defaults to false."),
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
        Field(description="Enlightened VMCS: faster nested guests, on Intel. Defaults to false."),
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
            description="Whether KVM is hidden, for drivers that refuse to run in a guest. Defaults to false."
        ),
    ] = None
    hint_dedicated: Annotated[
        bool | None,
        At("hint-dedicated/@state", ON_OFF),
        Field(
            description="Hint that virtual processors are never preempted, as with `cputune.vcpupin`. Defaults to false."
        ),
    ] = None
    poll_control: Annotated[
        bool | None,
        At("poll-control/@state", ON_OFF),
        Field(
            description="Whether the guest polls for work before it halts, in place of the host. Defaults to false."
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
            description="Size of the ring of changed pages, a power of 2. Defaults to a bitmap.",
        ),
    ] = None
