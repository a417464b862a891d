"""What a running guest is changed in by plugging: a device that comes, goes, or is another."""

from tests.lab.live_rows import Edit, Group

DISKS = Group(
    "disks",
    edits=(
        Edit(
            "disk is attached",
            rows=("devices/disk:attach",),
            change={"disks[data]": {"volume": {"pool": "images", "name": "data.qcow2"}}},
            shown=("attach + devices/disk[data]",),
            seen=lambda guest: guest.sh("cat /sys/block/vda/size") == "32768",
            passing=True,
        ),
        Edit(
            "disk is detached",
            rows=("devices/disk:detach",),
            change={"disks[data]": None},
            shown=("detach - devices/disk[data]",),
            seen=lambda guest: not guest.sh("ls /sys/block/ | grep vd"),
        ),
    ),
)

GROUPS = (DISKS,)
_TO_COME = "no case yet"
NOT_RUN: dict[str, str] = {
    f"devices/{device}:{verb}": _TO_COME
    for device in ("interface", "hostdev", "rng", "channel", "redirdev")
    for verb in ("attach", "detach")
} | {
    f"devices/interface/{place}:update": _TO_COME
    for place in ("link", "link/@state", "source/@network", "source/@bridge")
}
"""Rows that this machine cannot exercise, and why."""
