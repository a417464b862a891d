"""What a guest finds of its hypervisor: the hints of Microsoft's, and those of KVM."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.mapping import At


class Hyperv(Spec):
    """What makes Windows quick: it finds the hints of Microsoft's own hypervisor."""

    mode: Annotated[
        Literal["custom", "passthrough"] | None,
        At("@mode"),
        Field(
            description='"passthrough" shows all that the host can do. Defaults to "custom": what is named here.'
        ),
    ] = None
    relaxed: Annotated[
        bool | None,
        At("relaxed/@state", ON_OFF),
        Field(description="No watchdog on late timers. Defaults to false."),
    ] = None
    vapic: Annotated[
        bool | None, At("vapic/@state", ON_OFF), Field(description="Quicker interrupts. Defaults to false.")
    ] = None
    spinlocks: Annotated[
        int | None,
        At("spinlocks/@retries", WHOLE, also=(("spinlocks/@state", "on"),)),
        Field(
            ge=4095,
            description="Tries before a waiting processor yields; 8191 is usual. Defaults to not yielding.",
        ),
    ] = None
    vpindex: Annotated[
        bool | None,
        At("vpindex/@state", ON_OFF),
        Field(description="Numbers of processors. Defaults to false."),
    ] = None
    runtime: Annotated[
        bool | None, At("runtime/@state", ON_OFF), Field(description="Time spent running. Defaults to false.")
    ] = None
    synic: Annotated[
        bool | None,
        At("synic/@state", ON_OFF),
        Field(description="Interrupts of its own kind; needs `vpindex`. Defaults to false."),
    ] = None
    stimer: Annotated[
        bool | None,
        At("stimer/@state", ON_OFF),
        Field(description="Timers; needs `synic`. Defaults to false."),
    ] = None
    stimer_direct: Annotated[
        bool | None,
        At("stimer/direct/@state", ON_OFF),
        Field(description="Timers that interrupt by themselves; needs `stimer`. Defaults to false."),
    ] = None
    reset: Annotated[
        bool | None, At("reset/@state", ON_OFF), Field(description="Its way to reset. Defaults to false.")
    ] = None
    vendor_id: Annotated[
        str | None,
        At("vendor_id/@value", also=(("vendor_id/@state", "on"),)),
        Field(
            min_length=1,
            max_length=12,
            description="What it reads as the hypervisor's maker. Defaults to Microsoft's.",
        ),
    ] = None
    frequencies: Annotated[
        bool | None,
        At("frequencies/@state", ON_OFF),
        Field(description="Rates of its clocks. Defaults to false."),
    ] = None
    reenlightenment: Annotated[
        bool | None,
        At("reenlightenment/@state", ON_OFF),
        Field(description="Be told when a move to another host changes its clock. Defaults to false."),
    ] = None
    tlbflush: Annotated[
        bool | None,
        At("tlbflush/@state", ON_OFF),
        Field(
            description="Flush other processors' page tables by the host; needs `vpindex`. Defaults to false."
        ),
    ] = None
    ipi: Annotated[
        bool | None,
        At("ipi/@state", ON_OFF),
        Field(description="Interrupt other processors by the host; needs `vpindex`. Defaults to false."),
    ] = None
    evmcs: Annotated[
        bool | None,
        At("evmcs/@state", ON_OFF),
        Field(description="Quicker guests within the guest, on Intel. Defaults to false."),
    ] = None
    avic: Annotated[
        bool | None,
        At("avic/@state", ON_OFF),
        Field(description="Use `vapic` together with the processor's own. Defaults to false."),
    ] = None


class Kvm(Spec):
    """What a guest finds of KVM."""

    hidden: Annotated[
        bool | None,
        At("hidden/@state", ON_OFF),
        Field(description="Hide KVM, for drivers that refuse to run in a guest. Defaults to false."),
    ] = None
    hint_dedicated: Annotated[
        bool | None,
        At("hint-dedicated/@state", ON_OFF),
        Field(
            description="Tell the guest that its processors are its own, as with `cputune.vcpupin`. Defaults to false."
        ),
    ] = None
    poll_control: Annotated[
        bool | None,
        At("poll-control/@state", ON_OFF),
        Field(description="Let the guest wait for work by itself, rather than the host. Defaults to false."),
    ] = None
    pv_ipi: Annotated[
        bool | None,
        At("pv-ipi/@state", ON_OFF),
        Field(description="Interrupt other processors by the host. Defaults to true."),
    ] = None
    dirty_ring: Annotated[
        int | None,
        At("dirty-ring/@size", WHOLE, also=(("dirty-ring/@state", "on"),)),
        Field(
            ge=1024,
            le=65536,
            description="Entries of the ring that tells changed pages, a power of 2. Defaults to a bitmap.",
        ),
    ] = None
