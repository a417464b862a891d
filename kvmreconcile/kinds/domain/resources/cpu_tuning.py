"""CPU pinning, schedulers and CPU limits of a domain's threads."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import SOURCE
from kvmreconcile.kinds.domain.member_keys import complete_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.spellings import BITMAP
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Measure, Rules, Table, Update, paths

Processors = Annotated[str, Field(min_length=1)]

Period = Annotated[int, Field(ge=1000, le=1_000_000)]

Quota = Annotated[int, Field(ge=1000)]

_PERIOD = "Period of {} in microseconds, 1000 to 1000000. Defaults to 100000."

_QUOTA = (
    "CPU time that {} may use in each period, in microseconds, at least 1000. A quota equal to the "
    "period is the time of one CPU. Defaults to no limit."
)


class Scheduler(Spec):
    """Scheduling of threads by the host's kernel."""

    scheduler: Annotated[
        Literal["batch", "idle", "fifo", "rr"],
        At("@scheduler"),
        Field(
            description=(
                'Policy: "batch" and "idle" yield to other threads; "fifo" and "rr" preempt all '
                "other threads, so reserve CPUs for the host."
            )
        ),
    ]
    priority: Annotated[
        int | None,
        At("@priority", WHOLE),
        Field(
            ge=1,
            le=99,
            description='Priority; 99 is the highest. Required with "fifo" and "rr", and not valid otherwise.',
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Scheduler":
        if (self.scheduler in ("fifo", "rr")) != (self.priority is not None):
            raise ValueError(
                '"priority" is required with the schedulers "fifo" and "rr", and not valid with '
                "other schedulers"
            )
        return self


class VcpuScheduler(Scheduler):
    """Scheduling of a set of vCPUs."""

    vcpus: Annotated[str, At("@vcpus"), Field(min_length=1, description='vCPUs, such as "0-3".')]


class IothreadScheduler(Scheduler):
    """Scheduling of a set of I/O threads."""

    iothreads: Annotated[
        str, At("@iothreads"), Field(min_length=1, description='I/O threads, such as "1-2".')
    ]


class Cputune(Spec):
    """Placement and limits of a guest's threads on the host's CPUs."""

    shares: Annotated[
        int | None,
        At("shares", WHOLE),
        Field(
            ge=1,
            le=262144,
            description=(
                "Weight relative to other guests if CPUs are busy. Defaults to the host's default: "
                "usually 100 with cgroup v2 (at most 10000), otherwise usually 1024."
            ),
        ),
    ] = None
    period: Annotated[Period | None, At("period", WHOLE), Field(description=_PERIOD.format("`quota`"))] = None
    quota: Annotated[Quota | None, At("quota", WHOLE), Field(description=_QUOTA.format("each vCPU"))] = None
    global_period: Annotated[
        Period | None, At("global_period", WHOLE), Field(description=_PERIOD.format("`globalQuota`"))
    ] = None
    global_quota: Annotated[
        Quota | None,
        At("global_quota", WHOLE),
        Field(description=_QUOTA.format("the guest (all its threads)")),
    ] = None
    emulator_period: Annotated[
        Period | None, At("emulator_period", WHOLE), Field(description=_PERIOD.format("`emulatorQuota`"))
    ] = None
    emulator_quota: Annotated[
        Quota | None,
        At("emulator_quota", WHOLE),
        Field(description=_QUOTA.format("the emulator (without the vCPU threads)")),
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
            description=(
                'Host CPUs for each vCPU, such as {0: "4", 1: "5"}. The mapping is complete: '
                "unlisted entries are removed. Defaults to `vcpus.cpuset`."
            )
        ),
    ] = None
    emulatorpin: Annotated[
        Processors | None,
        At("emulatorpin/@cpuset"),
        Field(description="Host CPUs for the emulator's other threads. Defaults to `vcpus.cpuset`."),
    ] = None
    iothreadpin: Annotated[
        dict[int, Processors] | None,
        At("iothreadpin", Pairs("@iothread", "@cpuset")),
        Field(
            description=(
                'Host CPUs for each I/O thread, by thread ID, such as {1: "2"}. The mapping is '
                "complete: unlisted entries are removed. Defaults to `vcpus.cpuset`."
            )
        ),
    ] = None
    vcpusched: Annotated[
        list[VcpuScheduler] | None,
        At("vcpusched"),
        Field(
            description=(
                "Scheduling of vCPUs. The list is complete: unlisted entries are removed. Defaults "
                "to the host's default scheduling."
            )
        ),
    ] = None
    iothreadsched: Annotated[
        list[IothreadScheduler] | None,
        At("iothreadsched"),
        Field(
            description=(
                "Scheduling of I/O threads. The list is complete: unlisted entries are removed. "
                "Defaults to the host's default scheduling."
            )
        ),
    ] = None
    emulatorsched: Annotated[
        Scheduler | None,
        At("emulatorsched"),
        Field(
            description="Scheduling of the emulator's other threads. Defaults to the host's default scheduling."
        ),
    ] = None


class CpuTuningFields(Spec):
    """Field of Domain for CPU tuning."""

    cputune: Annotated[
        Cputune | None,
        At("cputune"),
        Field(
            description=(
                "Placement and limits of the guest's threads on the host's CPUs. Defaults to any "
                "CPU, without limits."
            )
        ),
    ] = None


def _pin(call: str) -> tuple[Update, ...]:
    return (Update("pin", at="*", source=f"{SOURCE}#{call}"),)


_SCHEDULER = f"{SOURCE}#virDomainSetSchedulerParametersFlags"
_LIMIT = (Update("set-scheduler", at=".", source=_SCHEDULER),)
# The kernel's default shares differ between the versions of cgroups, so no value restores them.
_SHARES = (Update("set-scheduler", on="+~", at=".", source=_SCHEDULER),)
_VCPU, _EMULATOR, _IOTHREAD = (
    _pin("virDomainPinVcpuFlags"),
    _pin("virDomainPinEmulator"),
    _pin("virDomainPinIOThread"),
)
_LIMITS = ("", "global_", "emulator_", "iothread_")
SECTION = Section(
    CpuTuningFields,
    Rules(
        members=Table(
            {
                "vcpupin": complete_list(("@vcpu",)),
                "iothreadpin": complete_list(("@iothread",)),
                "vcpusched": complete_list(("@vcpus",)),
                "iothreadsched": complete_list(("@iothreads",)),
                "cachetune": complete_list(("@vcpus",)),
                "cachetune/cache": complete_list(("@id", "@level", "@type")),
                "cachetune/monitor": complete_list(("@level", "@vcpus")),
                "memorytune": complete_list(("@vcpus",)),
                "memorytune/node": complete_list(("@id",)),
            }
        ),
        scalars=Table(
            {
                "*/@cpuset": BITMAP,
                "*/@vcpus": BITMAP,
                "*/@iothreads": BITMAP,
                "cachetune/monitor/@vcpus": BITMAP,
            }
        ),
        measures=Table({"cachetune/cache": Measure(value="@size", default="B")}),
        containers=paths(""),
        actions=Table(
            {
                "shares": _SHARES,
                **{f"{what}{limit}": _LIMIT for what in _LIMITS for limit in ("period", "quota")},
                "vcpupin": _VCPU,
                "vcpupin/@cpuset": _VCPU,
                "emulatorpin": _EMULATOR,
                "emulatorpin/@cpuset": _EMULATOR,
                "iothreadpin": _IOTHREAD,
                "iothreadpin/@cpuset": _IOTHREAD,
            }
        ),
    ).below("cputune"),
)
