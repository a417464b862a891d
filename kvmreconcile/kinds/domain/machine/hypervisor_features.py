"""Features of the hypervisor for guests: Hyper-V enlightenments and those of KVM."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.mapping import At


class Hyperv(Spec):
    """Hyper-V enlightenments, which speed up Windows guests."""

    mode: Annotated[
        Literal["custom", "passthrough"] | None,
        At("@mode"),
        Field(
            description='"passthrough" enables all that the host supports, "custom" the listed ones. Defaults to "custom".'
        ),
    ] = None
    relaxed: Annotated[
        bool | None,
        At("relaxed/@state", ON_OFF),
        Field(description="Relax the guest's watchdog on timers. Defaults to false."),
    ] = None
    vapic: Annotated[
        bool | None,
        At("vapic/@state", ON_OFF),
        Field(description="Virtual APIC, for faster interrupts. Defaults to false."),
    ] = None
    spinlocks: Annotated[
        int | None,
        At("spinlocks/@retries", WHOLE, also=(("spinlocks/@state", "on"),)),
        Field(
            ge=4095,
            description="Number of attempts to take a spinlock before the hypervisor is notified; 8191 is usual. Defaults to never notifying.",
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
        Field(description="Processor time spent in the guest. Defaults to false."),
    ] = None
    synic: Annotated[
        bool | None,
        At("synic/@state", ON_OFF),
        Field(description="Synthetic interrupt controller; needs `vpindex`. Defaults to false."),
    ] = None
    stimer: Annotated[
        bool | None,
        At("stimer/@state", ON_OFF),
        Field(description="Synthetic timers; needs `synic`. Defaults to false."),
    ] = None
    stimer_direct: Annotated[
        bool | None,
        At("stimer/direct/@state", ON_OFF),
        Field(description="Direct mode of synthetic timers; needs `stimer`. Defaults to false."),
    ] = None
    reset: Annotated[
        bool | None,
        At("reset/@state", ON_OFF),
        Field(description="Reset by the hypervisor. Defaults to false."),
    ] = None
    vendor_id: Annotated[
        str | None,
        At("vendor_id/@value", also=(("vendor_id/@state", "on"),)),
        Field(
            min_length=1,
            max_length=12,
            description="Hypervisor vendor ID that the guest sees. Defaults to Microsoft's.",
        ),
    ] = None
    frequencies: Annotated[
        bool | None,
        At("frequencies/@state", ON_OFF),
        Field(description="Registers with the TSC and APIC frequencies. Defaults to false."),
    ] = None
    reenlightenment: Annotated[
        bool | None,
        At("reenlightenment/@state", ON_OFF),
        Field(description="Notification when a migration changes the TSC frequency. Defaults to false."),
    ] = None
    tlbflush: Annotated[
        bool | None,
        At("tlbflush/@state", ON_OFF),
        Field(description="Paravirtualized TLB flush; needs `vpindex`. Defaults to false."),
    ] = None
    ipi: Annotated[
        bool | None,
        At("ipi/@state", ON_OFF),
        Field(description="Paravirtualized inter-processor interrupts; needs `vpindex`. Defaults to false."),
    ] = None
    evmcs: Annotated[
        bool | None,
        At("evmcs/@state", ON_OFF),
        Field(description="Enlightened VMCS, for faster nested guests on Intel. Defaults to false."),
    ] = None
    avic: Annotated[
        bool | None,
        At("avic/@state", ON_OFF),
        Field(description="Use `vapic` together with hardware APIC virtualization. Defaults to false."),
    ] = None


class Kvm(Spec):
    """Features of KVM that the guest sees."""

    hidden: Annotated[
        bool | None,
        At("hidden/@state", ON_OFF),
        Field(
            description="Hide KVM from the guest, for drivers that refuse to run in a guest. Defaults to false."
        ),
    ] = None
    hint_dedicated: Annotated[
        bool | None,
        At("hint-dedicated/@state", ON_OFF),
        Field(
            description="Tell the guest that each vCPU has a dedicated CPU of the host, as with `cputune.vcpupin`. Defaults to false."
        ),
    ] = None
    poll_control: Annotated[
        bool | None,
        At("poll-control/@state", ON_OFF),
        Field(
            description="Let the guest poll for work before it halts, instead of the host. Defaults to false."
        ),
    ] = None
    pv_ipi: Annotated[
        bool | None,
        At("pv-ipi/@state", ON_OFF),
        Field(description="Paravirtualized inter-processor interrupts. Defaults to true."),
    ] = None
    dirty_ring: Annotated[
        int | None,
        At("dirty-ring/@size", WHOLE, also=(("dirty-ring/@state", "on"),)),
        Field(
            ge=1024,
            le=65536,
            description="Size of the ring that records changed pages, a power of 2. Defaults to a bitmap instead of a ring.",
        ),
    ] = None
