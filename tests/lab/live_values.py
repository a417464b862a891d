"""Live changes of a value by a libvirt call of its own, without hot-plug of a device."""

from collections.abc import Callable

from tests.lab.lab import LabError
from tests.lab.live_rows import Edit, Group, Guest


def _processors(count: int) -> Callable[[Guest], bool]:
    def ask(guest: Guest) -> bool:
        try:
            return guest.has_processors(count)
        except LabError:
            # While Linux brings a processor up under emulation, its agent is silent for seconds.
            return False

    return ask


def _lifecycle(event: str, action: str) -> Callable[[Guest], bool]:
    return lambda guest: f"<{event}>{action}</{event}>" in guest.virsh("dumpxml")


def _runs_with(text: str) -> Callable[[Guest], bool]:
    return lambda guest: text in guest.virsh("dumpxml")


_PERF = "<domain><perf><event name='cpu_clock' enabled='{}'/></perf></domain>"
VALUES = Group(
    "values",
    spec={"title": "One", "vcpus": {"count": 1, "maximum": 3}, "currentMemory": "128MiB"},
    edits=(
        Edit(
            "balloon shrinks",
            rows=("currentMemory:set-memory",),
            change={"currentMemory": "100MiB"},
            shown=("set-memory ~ currentMemory",),
            seen=lambda guest: "<currentMemory unit='KiB'>102400<" in guest.virsh("dumpxml"),
        ),
        Edit(
            "processors are added",
            rows=("vcpu/@current:set-vcpus",),
            change={"vcpus.count": 2},
            shown=("set-vcpus ~ vcpu/@current",),
            seen=_processors(2),
        ),
        Edit(
            "title",
            rows=("title:set-title",),
            change={"title": "Two"},
            shown=("set-title ~ title",),
            seen=lambda guest: guest.virsh("desc", "--title").strip() == "Two",
        ),
        Edit(
            "description",
            rows=("description:set-description",),
            change={"description": "Serves"},
            shown=("set-description + description",),
            seen=lambda guest: guest.virsh("desc").strip() == "Serves",
        ),
        Edit(
            "power-off action is a reboot",
            rows=("on_poweroff:set-lifecycle",),
            change={"onPoweroff": "restart"},
            shown=("set-lifecycle ~ on_poweroff",),
            seen=_lifecycle("on_poweroff", "restart"),
            passing=True,
        ),
        Edit(
            "power-off action is removed",
            rows=("on_poweroff:set-lifecycle",),
            change={"onPoweroff": "destroy"},
            shown=("set-lifecycle ~ on_poweroff",),
            seen=_lifecycle("on_poweroff", "destroy"),
        ),
        Edit(
            "reboot and crash actions are edited",
            rows=("on_reboot:set-lifecycle", "on_crash:set-lifecycle"),
            change={"onReboot": "destroy", "onCrash": "restart"},
            shown=("set-lifecycle ~ on_reboot", "set-lifecycle ~ on_crash"),
            seen=_lifecycle("on_reboot", "destroy"),
        ),
        Edit(
            "performance event is turned on",
            rows=("perf/event:set-perf",),
            change={"xml": _PERF.format("yes")},
            shown=("set-perf + perf/event[cpu_clock]",),
            seen=_runs_with("<event name='cpu_clock' enabled='yes'/>"),
            passing=True,
        ),
        Edit(
            "performance event is turned off",
            rows=("perf/event/@enabled:set-perf",),
            change={"xml": _PERF.format("no")},
            shown=("set-perf ~ perf/event[cpu_clock]/@enabled",),
            seen=_runs_with("<event name='cpu_clock' enabled='no'/>"),
        ),
    ),
)
_VCPUS = """<domain><vcpus>
<vcpu id='0' enabled='yes' hotpluggable='no'/>
<vcpu id='1' enabled='{}' hotpluggable='yes'/>
<vcpu id='2' enabled='no' hotpluggable='yes'/>
</vcpus></domain>"""
VCPUS = Group(
    "vcpus",
    spec={"vcpus": {"count": 1, "maximum": 3}, "xml": _VCPUS.format("no")},
    edits=(
        Edit(
            "vCPU is added by its number",
            rows=("vcpus/vcpu/@enabled:set-vcpu",),
            change={"vcpus.count": 2, "xml": _VCPUS.format("yes")},
            shown=("set-vcpu ~ vcpus/vcpu[1]/@enabled", "set-vcpus ~ vcpu/@current"),
            seen=_processors(2),
        ),
    ),
)


_NOTE = '<domain><metadata><t:note xmlns:t="urn:example:notes"{}>{}</t:note></metadata></domain>'


_VALID = "<domain><devices><graphics type='vnc' passwdValidTo='2099-01-01T00:00:00'/></devices></domain>"


def _has_metadata(text: str) -> Callable[[Guest], bool]:
    return lambda guest: text in guest.virsh("metadata", "urn:example:notes")


PARTS = Group(
    "parts",
    spec={
        "iothreads": 1,
        "graphics": [{"type": "vnc", "password": "one", "listen": "127.0.0.1"}],
        "xml": _NOTE.format("", "first"),
    },
    edits=(
        Edit(
            "I/O threads are added",
            rows=("iothreads:set-iothreads",),
            change={"iothreads": 3},
            shown=("set-iothreads ~ iothreads",),
            seen=lambda guest: guest.virsh("iothreadinfo").count("0-1") == 3,
            passing=True,
        ),
        Edit(
            "I/O threads are removed",
            rows=("iothreads:set-iothreads",),
            change={"iothreads": 2},
            shown=("set-iothreads ~ iothreads",),
            seen=lambda guest: guest.virsh("iothreadinfo").count("0-1") == 2,
            passing=True,
        ),
        Edit(
            "I/O threads are numbered",
            rows=("iothreadids/iothread:set-iothreads",),
            change={"iothreads": {"count": 3, "ids": [{"id": 1}, {"id": 2}, {"id": 7}]}},
            shown=("set-iothreads ~ iothreads", "set-iothreads + iothreadids/iothread[7]"),
            seen=lambda guest: " 7 " in guest.virsh("iothreadinfo"),
        ),
        Edit(
            "I/O thread has bounds",
            rows=("iothreadids/iothread/@*:set-iothreads",),
            change={
                "iothreads.ids": [{"id": 1, "threadPoolMin": 2, "threadPoolMax": 8}, {"id": 2}, {"id": 7}]
            },
            shown=(
                "set-iothreads + iothreadids/iothread[1]/@thread_pool_max",
                "set-iothreads + iothreadids/iothread[1]/@thread_pool_min",
            ),
            seen=_runs_with("<iothread id='1' thread_pool_min='2' thread_pool_max='8'/>"),
            passing=True,
        ),
        Edit(
            "a bound is removed",
            rows=("iothreadids/iothread/@*:set-iothreads",),
            change={"iothreads.ids": [{"id": 1, "threadPoolMax": 6}, {"id": 2}, {"id": 7}]},
            shown=(
                "set-iothreads ~ iothreadids/iothread[1]/@thread_pool_max",
                "set-iothreads - iothreadids/iothread[1]/@thread_pool_min",
            ),
            seen=_runs_with("thread_pool_max='6'"),
        ),
        Edit(
            "password is set",
            rows=("devices/graphics/@passwd:update",),
            change={"graphics": [{"type": "vnc", "password": "two", "listen": "127.0.0.1"}]},
            shown=("update ~ devices/graphics[vnc]/@passwd",),
            seen=lambda guest: "passwd='two'" in guest.virsh("dumpxml", "--security-info"),
        ),
        Edit(
            "password has a policy for connected clients",
            rows=("devices/graphics/@connected:update",),
            change={
                "graphics": [{"type": "vnc", "password": "two", "listen": "127.0.0.1", "connected": "keep"}]
            },
            shown=("update + devices/graphics[vnc]/@connected",),
            seen=_runs_with("connected='keep'"),
        ),
        Edit(
            "metadata is added",
            rows=("metadata/**:set-metadata",),
            change={"xml": _NOTE.format(" by='me'", "second")},
            shown=(
                "set-metadata ~ metadata/urn:example:notes:note",
                "set-metadata + metadata/urn:example:notes:note/@by",
            ),
            seen=_has_metadata("second"),
            passing=True,
        ),
        Edit(
            "metadata is removed",
            rows=("metadata/*:set-metadata",),
            change={"xml": "<domain/>"},
            shown=("set-metadata - metadata/urn:example:notes:note",),
            seen=lambda guest: "urn:example:notes" not in guest.virsh("dumpxml"),
        ),
        Edit(
            "password has an expiry time",
            rows=("devices/graphics/@passwdValidTo:update",),
            change={"xml": _VALID},
            shown=("update + devices/graphics[vnc]/@passwdValidTo",),
            seen=lambda guest: (
                "passwdValidTo='2099-01-01T00:00:00'" in guest.virsh("dumpxml", "--security-info")
            ),
        ),
    ),
)


def _virsh_shows(command: str, *words: str, says: str) -> Callable[[Guest], bool]:
    """Return whether the output of virsh has this text, with columns of any width."""
    return lambda guest: says in " ".join(guest.virsh(command, *words).split())


_DISK = "/dev/loop0"
TUNING = Group(
    "tuning",
    spec={"vcpus": 2, "iothreads": 1, "interfaces": [{"name": "lan", "network": "lan"}]},
    edits=(
        Edit(
            "shares and quotas",
            rows=tuple(
                f"cputune/{place}:set-scheduler"
                for place in (
                    "shares",
                    "period",
                    "quota",
                    "global_period",
                    "global_quota",
                    "emulator_period",
                    "emulator_quota",
                    "iothread_period",
                    "iothread_quota",
                )
            ),
            change={
                "cputune": {
                    "shares": 512,
                    "period": 50000,
                    "quota": 40000,
                    "globalPeriod": 60000,
                    "globalQuota": 50000,
                    "emulatorPeriod": 70000,
                    "emulatorQuota": 30000,
                    "iothreadPeriod": 80000,
                    "iothreadQuota": 30000,
                }
            },
            shown=tuple(
                f"set-scheduler + cputune/{place}"
                for place in (
                    "shares",
                    "period",
                    "quota",
                    "global_period",
                    "global_quota",
                    "emulator_period",
                    "emulator_quota",
                    "iothread_period",
                    "iothread_quota",
                )
            ),
            seen=_virsh_shows("schedinfo", says="vcpu_quota : 40000"),
            passing=True,
        ),
        Edit(
            "a quota is removed",
            rows=("cputune/quota:set-scheduler",),
            change={"cputune.quota": None, "cputune.shares": 256},
            shown=("set-scheduler - cputune/quota", "set-scheduler ~ cputune/shares"),
            seen=_virsh_shows("schedinfo", says="cpu_shares : 256"),
        ),
        Edit(
            "pins",
            rows=("cputune/vcpupin:pin", "cputune/emulatorpin:pin", "cputune/iothreadpin:pin"),
            change={
                "cputune.vcpupin": {0: "0", 1: "1"},
                "cputune.emulatorpin": "0",
                "cputune.iothreadpin": {1: "1"},
            },
            shown=(
                "pin + cputune/vcpupin[0]",
                "pin + cputune/vcpupin[1]",
                "pin + cputune/emulatorpin",
                "pin + cputune/iothreadpin[1]",
            ),
            seen=_virsh_shows("vcpupin", says="0 0 1 1"),
            passing=True,
        ),
        Edit(
            "pins are edited",
            rows=(
                "cputune/vcpupin/@cpuset:pin",
                "cputune/emulatorpin/@cpuset:pin",
                "cputune/iothreadpin/@cpuset:pin",
            ),
            change={
                "cputune.vcpupin": {0: "1", 1: "0"},
                "cputune.emulatorpin": "0-1",
                "cputune.iothreadpin": {1: "0"},
            },
            shown=(
                "pin ~ cputune/vcpupin[0]/@cpuset",
                "pin ~ cputune/vcpupin[1]/@cpuset",
                "pin ~ cputune/emulatorpin/@cpuset",
                "pin ~ cputune/iothreadpin[1]/@cpuset",
            ),
            seen=_virsh_shows("vcpupin", says="0 1 1 0"),
            passing=True,
        ),
        Edit(
            "a pin is removed",
            rows=("cputune/vcpupin:pin",),
            change={"cputune.vcpupin": {0: "1"}},
            shown=("pin - cputune/vcpupin[1]",),
            seen=_virsh_shows("vcpupin", says="0 1 1 0-1"),
        ),
        Edit(
            "memory's limits",
            rows=(
                "memtune/hard_limit:set-memory-limits",
                "memtune/soft_limit:set-memory-limits",
                "memtune/swap_hard_limit:set-memory-limits",
            ),
            change={"memtune": {"hardLimit": "2GiB", "softLimit": "1GiB", "swapHardLimit": "3GiB"}},
            shown=(
                "set-memory-limits + memtune/hard_limit",
                "set-memory-limits + memtune/soft_limit",
                "set-memory-limits + memtune/swap_hard_limit",
            ),
            seen=_virsh_shows("memtune", says="soft_limit : 1048576"),
            passing=True,
        ),
        Edit(
            # A guest with a hard limit does not start here: libvirt may not raise the limit of locked memory.
            "memory's hard limits are removed",
            rows=("memtune/hard_limit:set-memory-limits",),
            change={"memtune": {"softLimit": "1GiB"}},
            shown=(
                "set-memory-limits - memtune/hard_limit",
                "set-memory-limits - memtune/swap_hard_limit",
            ),
            seen=_virsh_shows("memtune", says="hard_limit : unlimited soft_limit : 1048576"),
        ),
        Edit(
            "weight",
            rows=("blkiotune/weight:set-blkio",),
            change={"blkiotune": {"weight": 500}},
            shown=("set-blkio + blkiotune/weight",),
            seen=_virsh_shows("blkiotune", says="weight : 500"),
        ),
        Edit(
            "weight of a disk of the host is set",
            rows=("blkiotune/device:set-blkio",),
            change={"blkiotune.devices": [{"path": _DISK, "readIopsSec": 1000}]},
            shown=(f"set-blkio + blkiotune/device[{_DISK}]",),
            seen=_virsh_shows("blkiotune", says=f"device_read_iops_sec: {_DISK},1000"),
            passing=True,
        ),
        Edit(
            "other limits of the disk of the host are set",
            rows=("blkiotune/device/*:set-blkio",),
            change={"blkiotune.devices": [{"path": _DISK, "writeIopsSec": 500, "writeBytesSec": "1MiB"}]},
            shown=(
                f"set-blkio - blkiotune/device[{_DISK}]/read_iops_sec",
                f"set-blkio + blkiotune/device[{_DISK}]/write_bytes_sec",
                f"set-blkio + blkiotune/device[{_DISK}]/write_iops_sec",
            ),
            seen=_virsh_shows(
                "blkiotune",
                says=f"device_read_iops_sec: device_write_iops_sec: {_DISK},500 "
                f"device_read_bytes_sec: device_write_bytes_sec: {_DISK},1048576",
            ),
            passing=True,
        ),
        Edit(
            "limits of the disk of the host are removed",
            rows=("blkiotune/device:set-blkio",),
            change={"blkiotune.devices": None},
            shown=(f"set-blkio - blkiotune/device[{_DISK}]",),
            seen=_virsh_shows("blkiotune", says="device_write_iops_sec: device_read_bytes_sec:"),
        ),
    ),
)
DISK = {"name": "data", "volume": {"pool": "images", "name": "data.qcow2"}}
IOTUNE = Group(
    "iotune",
    spec={"disks": [DISK]},
    edits=(
        Edit(
            "disk is throttled",
            rows=("devices/disk/iotune/*:set-iotune",),
            change={"disks": [{**DISK, "iotune": {"totalIopsSec": 500, "readBytesSec": "1MiB"}}]},
            shown=(
                "set-iotune + devices/disk[data]/iotune/total_iops_sec",
                "set-iotune + devices/disk[data]/iotune/read_bytes_sec",
            ),
            seen=_virsh_shows("blkdeviotune", "vda", says="total_iops_sec : 500"),
            passing=True,
        ),
        Edit(
            "throttle is lowered and one limit is removed",
            rows=("devices/disk/iotune/*:set-iotune",),
            change={"disks": [{**DISK, "iotune": {"readBytesSec": "2MiB"}}]},
            shown=(
                "set-iotune - devices/disk[data]/iotune/total_iops_sec",
                "set-iotune ~ devices/disk[data]/iotune/read_bytes_sec",
            ),
            seen=_virsh_shows("blkdeviotune", "vda", says="total_iops_sec : 0"),
        ),
    ),
)

GROUPS = (VALUES, VCPUS, PARTS, TUNING, IOTUNE)
_NO_SFQ = "this kernel lacks the queueing discipline (sfq) that libvirt limits traffic by"
NOT_RUN: dict[str, str] = {
    "uuid:replace": "is no live change: the guest is recreated",
    "numatune/memory/@nodeset:set-numa": "this host has one NUMA node, and no other to move to",
    **{
        f"devices/interface/bandwidth/{way}:set-bandwidth": _NO_SFQ
        for way in ("inbound", "inbound/@*", "outbound", "outbound/@*")
    },
}
"""Rows that this machine cannot exercise, with the reason."""
