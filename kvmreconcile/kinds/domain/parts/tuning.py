"""What users write of the host's time and threads that a guest gets. Separate from what its processors look like."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand

Processors = Annotated[str, Field(min_length=1)]
Period = Annotated[int, Field(ge=1000, le=1_000_000)]
Quota = Annotated[int, Field(ge=1000)]
_PERIOD = "Microseconds, 1000 to 1000000. The period over which {} is counted. Defaults to 100000."
_QUOTA = (
    "Microseconds, at least 1000. How long {} may run in each period; "
    "a quota as long as the period is one processor. Defaults to no limit."
)


class Scheduler(Spec):
    """How the host's kernel schedules threads."""

    scheduler: Annotated[
        Literal["batch", "idle", "fifo", "rr"],
        At("@scheduler"),
        Field(
            description='"batch" and "idle" yield to others; "fifo" and "rr" go before all others, so leave the host '
            "processors of its own."
        ),
    ]
    priority: Annotated[
        int | None,
        At("@priority", WHOLE),
        Field(ge=1, le=99, description='Priority of "fifo" and "rr", 99 first. Required with them.'),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Scheduler":
        if (self.scheduler in ("fifo", "rr")) != (self.priority is not None):
            raise ValueError(
                '"priority" is required with the schedulers "fifo" and "rr", and valid with no other'
            )
        return self


class VcpuScheduler(Scheduler):
    """How some virtual processors are scheduled."""

    vcpus: Annotated[str, At("@vcpus"), Field(min_length=1, description='Which, such as "0-3".')]


class IothreadScheduler(Scheduler):
    """How some I/O threads are scheduled."""

    iothreads: Annotated[str, At("@iothreads"), Field(min_length=1, description='Which, such as "1-2".')]


class Cputune(Spec):
    """Where a guest's threads run on the host, and for how long."""

    shares: Annotated[
        int | None,
        At("shares", WHOLE),
        Field(
            ge=1,
            le=262144,
            description="Weight against other guests where processors are short; on a host with cgroup v2 up to 10000, "
            "of which 100 is usual, else 1024. Defaults to the usual.",
        ),
    ] = None
    period: Annotated[Period | None, At("period", WHOLE), Field(description=_PERIOD.format("`quota`"))] = None
    quota: Annotated[
        Quota | None, At("quota", WHOLE), Field(description=_QUOTA.format("each virtual processor"))
    ] = None
    global_period: Annotated[
        Period | None, At("global_period", WHOLE), Field(description=_PERIOD.format("`globalQuota`"))
    ] = None
    global_quota: Annotated[
        Quota | None,
        At("global_quota", WHOLE),
        Field(description=_QUOTA.format("the guest with all its threads")),
    ] = None
    emulator_period: Annotated[
        Period | None, At("emulator_period", WHOLE), Field(description=_PERIOD.format("`emulatorQuota`"))
    ] = None
    emulator_quota: Annotated[
        Quota | None,
        At("emulator_quota", WHOLE),
        Field(description=_QUOTA.format("the emulator, without the vCPU threads,")),
    ] = None
    iothread_period: Annotated[
        Period | None, At("iothread_period", WHOLE), Field(description=_PERIOD.format("`iothreadQuota`"))
    ] = None
    iothread_quota: Annotated[
        Quota | None, At("iothread_quota", WHOLE), Field(description=_QUOTA.format("each I/O thread"))
    ] = None
    vcpupin: Annotated[
        dict[int, Processors] | None,
        At("vcpupin", Pairs("@vcpu", "@cpuset")),
        Field(
            description='Processors of the host for single virtual ones, such as {0: "4", 1: "5"}; complete once '
            "written. Defaults to `vcpus.cpuset`."
        ),
    ] = None
    emulatorpin: Annotated[
        Processors | None,
        At("emulatorpin/@cpuset"),
        Field(
            description="Processors of the host for the emulator's other threads. Defaults to `vcpus.cpuset`."
        ),
    ] = None
    iothreadpin: Annotated[
        dict[int, Processors] | None,
        At("iothreadpin", Pairs("@iothread", "@cpuset")),
        Field(
            description='Processors of the host for single I/O threads, which count from 1, such as {1: "2"}; complete '
            "once written. Defaults to `vcpus.cpuset`."
        ),
    ] = None
    vcpusched: Annotated[
        list[VcpuScheduler] | None,
        At("vcpusched"),
        Field(
            description="How virtual processors are scheduled; complete once written. Defaults to the host's usual way."
        ),
    ] = None
    iothreadsched: Annotated[
        list[IothreadScheduler] | None,
        At("iothreadsched"),
        Field(
            description="How I/O threads are scheduled; complete once written. Defaults to the host's usual way."
        ),
    ] = None
    emulatorsched: Annotated[
        Scheduler | None,
        At("emulatorsched"),
        Field(
            description="How the emulator's other threads are scheduled. Defaults to the host's usual way."
        ),
    ] = None


class IothreadId(Spec):
    """One I/O thread."""

    id: Annotated[int, At("@id", WHOLE), Field(ge=1, description="Its number.")]
    thread_pool_min: Annotated[
        int | None,
        At("@thread_pool_min", WHOLE),
        Field(ge=0, description="Workers it keeps at least. Defaults to QEMU's choice."),
    ] = None
    thread_pool_max: Annotated[
        int | None,
        At("@thread_pool_max", WHOLE),
        Field(ge=1, description="Workers it has at most. Defaults to QEMU's choice."),
    ] = None


MOST_IOTHREADS = 1024


class Iothreads(Shorthand):
    """Threads that serve disks beside the emulator's own; a bare number is short for `count`."""

    short: ClassVar[str] = "count"

    count: Annotated[
        int | None,
        At("iothreads", WHOLE),
        Field(
            ge=0,
            le=MOST_IOTHREADS,
            description="How many there are; they count from 1 unless `ids` says otherwise. Defaults to none.",
        ),
    ] = None
    ids: Annotated[
        list[IothreadId] | None,
        At("iothreadids/iothread"),
        Field(description="Numbers and sizes of single ones. Defaults to 1 up to `count`."),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Iothreads":
        if self.count is not None and len(self.ids or ()) > self.count:
            raise ValueError(f'"ids" has more entries than "count" ({self.count})')
        return self
