"""Live changes that need a libvirt newer than the oldest one that is supported."""

from collections.abc import Callable

from tests.lab.live_rows import Edit, Group, Guest


def _runs_with(*texts: str) -> Callable[[Guest], bool]:
    """Return whether the running definition has all of these."""
    return lambda guest: all(text in guest.virsh("dumpxml") for text in texts)


def _runs_without(text: str) -> Callable[[Guest], bool]:
    return lambda guest: text not in guest.virsh("dumpxml")


def _polling(poll: str) -> dict[str, str]:
    return {"xml": f"<domain><iothreadids><iothread id='1'>{poll}</iothread></iothreadids></domain>"}


POLLING = Group(
    "polling",
    since=(9, 4, 0),
    spec={"iothreads": {"count": 1, "ids": [{"id": 1}]}},
    edits=(
        Edit(
            "an I/O thread polls",
            rows=("iothreadids/iothread/poll:set-iothreads",),
            change=_polling("<poll max='65536' grow='2'/>"),
            shown=("set-iothreads + iothreadids/iothread[1]/poll",),
            seen=_runs_with("max='65536'", "grow='2'"),
            passing=True,
        ),
        Edit(
            "polling time is raised",
            rows=("iothreadids/iothread/poll/@*:set-iothreads",),
            change=_polling("<poll max='131072' grow='2'/>"),
            shown=("set-iothreads ~ iothreadids/iothread[1]/poll/@max",),
            seen=_runs_with("max='131072'"),
        ),
    ),
)
TRUST = Group(
    "trust",
    since=(10, 0, 0),
    spec={"interfaces": [{"name": "lan", "network": "lan"}]},
    edits=(
        Edit(
            "guest may set its trusted filters",
            rows=("devices/interface/@trustGuestRxFilters:update",),
            change={"interfaces[lan]": {"network": "lan", "trustGuestRxFilters": True}},
            shown=("update + devices/interface[lan]/@trustGuestRxFilters",),
            seen=_runs_with("trustGuestRxFilters='yes'"),
        ),
    ),
)


def _groups(*limits: str) -> dict[str, str]:
    group = f"<throttlegroup><group_name>slow</group_name>{''.join(limits)}</throttlegroup>"
    return {"xml": f"<domain><throttlegroups>{group}</throttlegroups></domain>"}


_FEW, _MORE = "<total_iops_sec>100</total_iops_sec>", "<total_iops_sec>200</total_iops_sec>"
THROTTLED = Group(
    "throttled",
    since=(11, 2, 0),
    edits=(
        Edit(
            "disks share a limit",
            rows=("throttlegroups/throttlegroup:set-throttle",),
            change=_groups(_FEW),
            shown=("set-throttle + throttlegroups/throttlegroup[slow]",),
            seen=_runs_with(_FEW),
            passing=True,
        ),
        Edit(
            "throttle group is edited",
            rows=("throttlegroups/throttlegroup/*:set-throttle",),
            change=_groups(_MORE),
            shown=("set-throttle ~ throttlegroups/throttlegroup[slow]/total_iops_sec",),
            seen=_runs_with(_MORE),
            passing=True,
        ),
        Edit(
            "throttle group is removed",
            rows=("throttlegroups/throttlegroup:set-throttle",),
            change={"xml": None},
            shown=("set-throttle - throttlegroups/throttlegroup[slow]",),
            seen=_runs_without("<throttlegroup>"),
        ),
    ),
)
_SCSI = {"type": "scsi", "index": 0, "model": "virtio-scsi"}
DRIVE = Group(
    "drive",
    since=(9, 10, 0),
    spec={"controllers": [_SCSI]},
    edits=(
        Edit(
            "an empty drive is attached",
            rows=("devices/disk:attach",),
            change={"disks": [{"name": "cd", "device": "cdrom", "bus": "scsi"}]},
            shown=("attach + devices/disk[cd]",),
            seen=lambda guest: guest.sh("ls /sys/block | grep -c sr") == "1",
        ),
    ),
)

GROUPS = (POLLING, TRUST, THROTTLED, DRIVE)
