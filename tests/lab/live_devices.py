"""Live changes by hot-plug: a device that is added, removed or replaced."""

from collections.abc import Callable

from tests.lab.live_rows import Edit, Group, Guest

_DATA = {"volume": {"pool": "images", "name": "data.qcow2"}}
_MORE = {"volume": {"pool": "images", "name": "more.qcow2"}}
_BLOCKS = "32768"
"""Sectors of the volumes' 16 MiB."""


def _says(command: str, answer: str) -> Callable[[Guest], bool]:
    """Return whether a command inside prints this."""
    return lambda guest: guest.sh(command) == answer


def _defined(text: str) -> Callable[[Guest], bool]:
    """Return whether the running definition has this."""
    return lambda guest: text in guest.virsh("dumpxml")


def _undefined(text: str) -> Callable[[Guest], bool]:
    """Return whether the running definition no longer has this."""
    return lambda guest: text not in guest.virsh("dumpxml")


def _cdrom(volume: str | None) -> dict[str, object]:
    """Return the fields of a drive; None is an empty one."""
    medium = {"volume": {"pool": "images", "name": volume}} if volume else {}
    return {"name": "cd", "device": "cdrom", "bus": "scsi", **medium}


_SCSI = {"type": "scsi", "index": 0, "model": "virtio-scsi"}
DISKS = Group(
    "disks",
    spec={"controllers": [_SCSI], "disks": [_cdrom(None)]},
    edits=(
        Edit(
            "disks are attached",
            rows=("devices/disk:attach",),
            change={"disks[data]": _DATA, "disks[more]": {**_MORE, "bus": "scsi"}},
            shown=("attach + devices/disk[data]", "attach + devices/disk[more]"),
            seen=_says("cat /sys/block/vda/size /sys/block/sda/size | uniq", _BLOCKS),
            passing=True,
        ),
        Edit(
            "startup policy and snapshot mode are edited",
            rows=("devices/disk/@snapshot:update", "devices/disk/source/@startupPolicy:update"),
            change={
                "disks[data].startupPolicy": "optional",
                "xml": "<domain><devices><disk snapshot='external'><alias name='ua-data'/></disk></devices></domain>",
            },
            shown=(
                "update + devices/disk[data]/@snapshot",
                "update + devices/disk[data]/source/@startupPolicy",
            ),
            seen=_defined("startupPolicy='optional'"),
            passing=True,
        ),
        Edit(
            "disks are detached",
            rows=("devices/disk:detach",),
            change={"disks[data]": None, "disks[more]": None, "xml": None},
            shown=("detach - devices/disk[data]", "detach - devices/disk[more]"),
            seen=_says("ls /sys/block | grep -c [vs]d", "0"),
        ),
        Edit(
            "a drive is detached",
            rows=("devices/disk:detach",),
            change={"disks": []},
            shown=("detach - devices/disk[cd]",),
            seen=_says("ls /sys/block | grep -c sr", "0"),
        ),
    ),
)
_LINE = "dd if=/dev/vda bs=512 count=1 iflag=direct | tr -d '\\0'"


def _holds_what_was_written(guest: Guest) -> bool:
    """Return whether the disk is on the volume "more", and has the data that the first edit wrote into "data"."""
    return "more.qcow2" in guest.virsh("domblklist") and guest.sh(_LINE) == "written before"


def _write(guest: Guest) -> bool:
    guest.sh("echo written before | dd of=/dev/vda bs=512 conv=sync,fsync")
    return True


MOVED = Group(
    "moved",
    spec={"disks": [{"name": "data", **_DATA}], "update": {"copyDisks": True}},
    edits=(
        Edit(
            "a guest writes",
            rows=("title:set-title",),
            change={"title": "Writes"},
            shown=("set-title + title",),
            seen=_write,
            passing=True,
        ),
        Edit(
            "disk is moved to another volume with its data",
            rows=("devices/disk/source:move",),
            change={"disks": [{"name": "data", **_MORE}]},
            shown=("move ~ devices/disk[data]/source",),
            seen=_holds_what_was_written,
        ),
    ),
)
_LICENSE = "/usr/share/common-licenses/GPL-{}"
"""Files that every Debian has, used as a CD."""
MEDIA = Group(
    "media",
    spec={"disks": [_cdrom(None)], "controllers": [_SCSI]},
    edits=(
        Edit(
            "medium is inserted",
            rows=("devices/disk/source:update", "devices/disk/@type:update"),
            change={"disks": [_cdrom("one.iso")]},
            shown=("update + devices/disk[cd]/source", "update ~ devices/disk[cd]/@type"),
            seen=_says("blockdev --getsz /dev/sr0", _BLOCKS),
            passing=True,
        ),
        Edit(
            "medium is replaced",
            rows=("devices/disk/source/@volume:update",),
            change={"disks": [_cdrom("two.iso")]},
            shown=("update ~ devices/disk[cd]/source/@volume",),
            seen=_defined("two.iso"),
            passing=True,
        ),
        Edit(
            "medium is ejected",
            rows=("devices/disk/source/@pool:update",),
            change={"disks": [_cdrom(None)]},
            shown=(
                "update - devices/disk[cd]/@type",
                "update - devices/disk[cd]/source/@pool",
                "update - devices/disk[cd]/source/@volume",
            ),
            seen=_undefined("two.iso"),
        ),
        Edit(
            "file is inserted",
            rows=("devices/disk/source/@file:update",),
            change={"disks": [_cdrom(None) | {"file": _LICENSE.format(2)}]},
            shown=("update + devices/disk[cd]/source/@file",),
            seen=_defined(_LICENSE.format(2)),
            passing=True,
        ),
        Edit(
            "file is replaced",
            rows=("devices/disk/source/@file:update",),
            change={"disks": [_cdrom(None) | {"file": _LICENSE.format(3)}]},
            shown=("update ~ devices/disk[cd]/source/@file",),
            seen=lambda guest: guest.sh("head -c 100000 /dev/sr0 | grep -c 'Version 3'") == "1",
        ),
    ),
)
_MAC = "52:54:00:00:00:31"
_FIND = f"grep -l {_MAC} /sys/class/net/*/address"
_ADDRESS = f"ip addr show $(basename $(dirname $({_FIND}))) | grep -o 'inet 192.0.2.[0-9]*'"
_NIC = {"name": "one", "network": "lan", "mac": _MAC}
NICS = Group(
    "nics",
    edits=(
        Edit(
            "interface is attached",
            rows=("devices/interface:attach",),
            change={"interfaces": [_NIC]},
            shown=("attach + devices/interface[one]",),
            seen=lambda guest: int(guest.sh(_ADDRESS).rpartition(".")[2] or 0) in range(50, 101),
            passing=True,
        ),
        Edit(
            "link is set down",
            rows=("devices/interface/link:update",),
            change={"interfaces[one].link": "down"},
            shown=("update + devices/interface[one]/link",),
            seen=lambda guest: guest.sh(f"cat $(dirname $({_FIND}))/carrier") == "0",
            passing=True,
        ),
        Edit(
            "link is set up",
            rows=("devices/interface/link/@state:update",),
            change={"interfaces[one].link": "up"},
            shown=("update ~ devices/interface[one]/link/@state",),
            seen=lambda guest: guest.sh(f"cat $(dirname $({_FIND}))/carrier") == "1",
            passing=True,
        ),
        Edit(
            "interface is moved to another network",
            rows=("devices/interface/source/@network:update",),
            change={"interfaces[one].network": "dmz"},
            shown=("update ~ devices/interface[one]/source/@network",),
            seen=_defined("bridge='virbr12'"),
            passing=True,
        ),
        Edit(
            "interface is detached",
            rows=("devices/interface:detach",),
            change={"interfaces": []},
            shown=("detach - devices/interface[one]",),
            seen=_says("ls /sys/class/net", "lo"),
        ),
    ),
)
BRIDGED = Group(
    "bridged",
    spec={
        "interfaces": [{"name": "one", "bridge": "virbr11", "mac": _MAC}],
        "update": {"replugInterfaces": True},
    },
    edits=(
        Edit(
            "interface is moved to another bridge",
            rows=("devices/interface/source/@bridge:update",),
            change={"interfaces[one].bridge": "virbr12"},
            shown=("update ~ devices/interface[one]/source/@bridge",),
            seen=_defined("bridge='virbr12'"),
            passing=True,
        ),
        Edit(
            "interface is moved to a network",
            rows=("devices/interface/@type:update",),
            change={"interfaces[one]": {"network": "lan", "mac": _MAC}},
            shown=(
                "update ~ devices/interface[one]/@type",
                "update + devices/interface[one]/source/@network",
                "update - devices/interface[one]/source/@bridge",
            ),
            seen=_defined("bridge='virbr11'"),
        ),
        Edit(
            "interface is moved to a port group",
            rows=("devices/interface/**:replug",),
            change={"interfaces[one].portgroup": "fast"},
            shown=("replug + devices/interface[one]/source/@portgroup",),
            seen=_defined("portgroup='fast'"),
        ),
        Edit(
            "coalescing is set",
            rows=("devices/interface/coalesce:update",),
            change={"interfaces[one].coalesce": 12},
            shown=("update + devices/interface[one]/coalesce",),
            seen=_defined("<frames max='12'/>"),
            passing=True,
        ),
        Edit(
            "coalescing is raised",
            rows=("devices/interface/coalesce/rx/frames/@max:update",),
            change={"interfaces[one].coalesce": 20},
            shown=("update ~ devices/interface[one]/coalesce/rx/frames/@max",),
            seen=_defined("<frames max='20'/>"),
        ),
        Edit(
            "port is isolated",
            rows=("devices/interface/port:update",),
            change={"interfaces[one].isolated": True},
            shown=("update + devices/interface[one]/port",),
            seen=_defined("<port isolated='yes'/>"),
            passing=True,
        ),
        Edit(
            "port is no longer isolated",
            rows=("devices/interface/port/@isolated:update",),
            change={"interfaces[one].isolated": False},
            shown=("update ~ devices/interface[one]/port/@isolated",),
            seen=_defined("<port isolated='no'/>"),
        ),
        Edit(
            "interface is replaced",
            rows=("devices/interface/**:replug",),
            change={"interfaces[one].mtu": 1400},
            shown=("replug + devices/interface[one]/mtu",),
            seen=lambda guest: guest.sh(f"cat $(dirname $({_FIND}))/mtu") == "1400",
        ),
    ),
)
_CHANNEL = (
    "<channel type='unix'><alias name='ua-mail'/><target type='virtio' name='org.example.mail'/></channel>"
)


def _has_filter(by: str) -> Callable[[Guest], bool]:
    """Return whether libvirt has bound the interface to a filter."""
    return lambda guest: by in guest.session.lab.virsh("nwfilter-binding-list")


def _parameter(source: str) -> str:
    """Return a filter's parameter, which has no field in a spec, as XML."""
    return (
        "<domain><devices><interface><alias name='ua-one'/><filterref>"
        f"<parameter name='SOURCE' value='{source}'/></filterref></interface></devices></domain>"
    )


FILTERED = Group(
    "filtered",
    spec={"interfaces": [_NIC]},
    edits=(
        Edit(
            "filter is added",
            rows=("devices/interface/filterref:update",),
            change={"interfaces[one].filter": "quiet", "xml": _parameter("52:54:00:00:00:41")},
            shown=("update + devices/interface[one]/filterref",),
            seen=_has_filter("quiet"),
            passing=True,
        ),
        Edit(
            "filter's address is edited",
            rows=("devices/interface/filterref/parameter:update",),
            change={"xml": _parameter("52:54:00:00:00:42")},
            shown=(
                "update + devices/interface[one]/filterref/parameter[SOURCE:52:54:00:00:00:42]",
                "update - devices/interface[one]/filterref/parameter[SOURCE:52:54:00:00:00:41]",
            ),
            seen=_defined("52:54:00:00:00:42"),
        ),
        Edit(
            "filter is replaced",
            rows=("devices/interface/filterref/@filter:update",),
            change={"interfaces[one].filter": "silent"},
            shown=("update ~ devices/interface[one]/filterref/@filter",),
            seen=_has_filter("silent"),
        ),
    ),
)
_BRIDGE = {"type": "pci", "index": 13, "model": "pcie-to-pci-bridge"}
_SERIAL = "<serial type='pty'><alias name='ua-line'/><target type='pci-serial' port='1'><model name='pci-serial'/></target></serial>"
_CONSOLE = "<console type='pty'><alias name='ua-desk'/><target type='virtio' port='1'/></console>"
LINES = Group(
    "lines",
    spec={"controllers": [_BRIDGE]},
    edits=(
        Edit(
            "serial port is attached",
            rows=("devices/serial:attach",),
            change={"xml": f"<domain><devices>{_SERIAL}</devices></domain>"},
            shown=("attach + devices/serial[line]",),
            seen=lambda guest: "0x1b36" in guest.sh("cat /sys/bus/pci/devices/*/vendor"),
            passing=True,
        ),
        Edit(
            "serial port is detached",
            rows=("devices/serial:detach",),
            change={"xml": None},
            shown=("detach - devices/serial[line]",),
            seen=_undefined("ua-line"),
        ),
        Edit(
            "console is attached",
            rows=("devices/console:attach",),
            change={"xml": f"<domain><devices>{_CONSOLE}</devices></domain>"},
            shown=("attach + devices/console[desk]",),
            seen=_defined("ua-desk"),
            passing=True,
        ),
        Edit(
            "console is detached",
            rows=("devices/console:detach",),
            change={"xml": None},
            shown=("detach - devices/console[desk]",),
            seen=_undefined("ua-desk"),
        ),
    ),
)
SMALL = Group(
    "small",
    spec={"rng": False, "memballoon": "virtio", "graphics": [{"type": "spice", "listen": "127.0.0.1"}]},
    edits=(
        Edit(
            "random number generator is attached",
            rows=("devices/rng:attach",),
            change={"rng": True},
            shown=("attach + devices/rng",),
            seen=_says("cat /sys/class/misc/hw_random/rng_current", "virtio_rng.0"),
            passing=True,
        ),
        Edit(
            "random number generator is detached",
            rows=("devices/rng:detach",),
            change={"rng": False},
            shown=("detach - devices/rng",),
            seen=_says("cat /sys/class/misc/hw_random/rng_current", "none"),
        ),
        Edit(
            "channel is attached",
            rows=("devices/channel:attach",),
            change={"xml": f"<domain><devices>{_CHANNEL}</devices></domain>"},
            shown=("attach + devices/channel[mail]",),
            seen=lambda guest: "org.example.mail" in guest.sh("cat /sys/class/virtio-ports/*/name"),
            passing=True,
        ),
        Edit(
            "channel is detached",
            rows=("devices/channel:detach",),
            change={"xml": None},
            shown=("detach - devices/channel[mail]",),
            seen=lambda guest: "org.example.mail" not in guest.sh("cat /sys/class/virtio-ports/*/name"),
        ),
        Edit(
            "statistics of the balloon are turned on",
            rows=("devices/memballoon/stats:set-stats",),
            change={"memballoon": {"model": "virtio", "statsPeriod": 5}},
            shown=("set-stats + devices/memballoon/stats",),
            seen=_defined("<stats period='5'/>"),
            passing=True,
        ),
        Edit(
            "period of the statistics is raised",
            rows=("devices/memballoon/stats/@period:set-stats",),
            change={"memballoon.statsPeriod": 10},
            shown=("set-stats ~ devices/memballoon/stats/@period",),
            seen=_defined("<stats period='10'/>"),
        ),
        Edit(
            "USB redirection is attached",
            rows=("devices/redirdev:attach",),
            change={"redirdevs": [{"name": "usb1", "type": "spicevmc", "bus": "usb"}]},
            shown=("attach + devices/redirdev[usb1]",),
            seen=_defined("ua-usb1"),
            passing=True,
        ),
        Edit(
            "USB redirection is detached",
            rows=("devices/redirdev:detach",),
            change={"redirdevs": None},
            shown=("detach - devices/redirdev[usb1]",),
            seen=_undefined("ua-usb1"),
        ),
        Edit(
            "tablet is attached",
            rows=("devices/input:attach",),
            change={"inputs": [{"type": "tablet", "bus": "usb"}]},
            shown=("attach + devices/input[tablet:usb]",),
            seen=_defined("<input type='tablet' bus='usb'>"),
            passing=True,
        ),
        Edit(
            "tablet is detached",
            rows=("devices/input:detach",),
            change={"inputs": None},
            shown=("detach - devices/input[tablet:usb]",),
            seen=_undefined("<input type='tablet' bus='usb'>"),
        ),
        Edit(
            "SCSI controller is attached",
            rows=("devices/controller:attach",),
            change={"controllers": [_SCSI]},
            shown=("attach + devices/controller[scsi:0]",),
            seen=_says("cat /sys/class/scsi_host/*/proc_name | grep virtio", "virtio_scsi"),
            passing=True,
        ),
        Edit(
            "SCSI controller is detached",
            rows=("devices/controller:detach",),
            change={"controllers": None},
            shown=("detach - devices/controller[scsi:0]",),
            seen=_says("cat /sys/class/scsi_host/*/proc_name | grep -c virtio", "0"),
        ),
    ),
)
CARDS = Group(
    "cards",
    spec={"controllers": [_BRIDGE]},
    edits=(
        Edit(
            "shared memory is attached",
            rows=("devices/shmem:attach",),
            change={
                "shmems": [{"name": "board", "model": "ivshmem-plain", "size": "4MiB", "role": "master"}]
            },
            shown=("attach + devices/shmem[board]",),
            seen=lambda guest: "0x1110" in guest.sh("cat /sys/bus/pci/devices/*/device"),
            passing=True,
        ),
        Edit(
            "shared memory is detached",
            rows=("devices/shmem:detach",),
            change={"shmems": None},
            shown=("detach - devices/shmem[board]",),
            seen=lambda guest: "0x1110" not in guest.sh("cat /sys/bus/pci/devices/*/device"),
        ),
    ),
)
# The chipset of q35 has a watchdog of its own, beside which libvirt 9.1 and newer plug in none.
WATCHDOG = Group(
    "watchdog",
    spec={"machine": "pc"},
    edits=(
        Edit(
            "watchdog is attached",
            rows=("devices/watchdog:attach",),
            change={"watchdog": {"model": "i6300esb"}},
            shown=("attach + devices/watchdog[i6300esb]",),
            seen=lambda guest: "0x25ab" in guest.sh("cat /sys/bus/pci/devices/*/device"),
            passing=True,
        ),
        Edit(
            "watchdog is detached",
            rows=("devices/watchdog:detach",),
            change={"watchdog": None},
            shown=("detach - devices/watchdog[i6300esb]",),
            seen=lambda guest: "0x25ab" not in guest.sh("cat /sys/bus/pci/devices/*/device"),
        ),
    ),
)
_DIMM = {"name": "more", "model": "dimm", "size": "128MiB", "node": 0}
_BLOCKWISE = {
    "name": "blocks", "model": "virtio-mem", "size": "256MiB", "block": "2MiB", "requested": "0MiB", "node": 0
}  # fmt: skip
_TOTAL = "awk '/MemTotal/ {print ($2 > 250000)}' /proc/meminfo"


def _has_plugged_memory(guest: Guest) -> bool:
    """Return whether the guest has plugged in all requested memory, which takes a while, and sees it."""
    return "<current unit='KiB'>131072</current>" in guest.virsh("dumpxml") and guest.sh(_TOTAL) == "1"


def _has_released_memory(guest: Guest) -> bool:
    """Return whether the guest has given back the memory it can (seldom all, never at once), and nothing more is planned."""
    return guest.sh(_TOTAL) == "0" and not guest.session.drift()


MEMORY = Group(
    "memory",
    spec={"memory": {"size": "256MiB", "maximum": "1GiB"}},
    edits=(
        Edit(
            "virtio memory is attached",
            rows=("devices/memory:attach",),
            change={"memoryDevices": [_BLOCKWISE]},
            shown=("attach + devices/memory[blocks]",),
            seen=_defined("<requested unit='KiB'>0</requested>"),
            passing=True,
        ),
        Edit(
            "requested size is reduced",
            rows=("devices/memory/target/requested:update",),
            change={"memoryDevices": [{**_BLOCKWISE, "requested": "128MiB"}]},
            shown=("update ~ devices/memory[blocks]/target/requested",),
            seen=_has_plugged_memory,
            passing=True,
        ),
        Edit(
            "requested size is set to none",
            rows=("devices/memory/target/requested:update",),
            change={"memoryDevices": [_BLOCKWISE]},
            shown=("update ~ devices/memory[blocks]/target/requested",),
            seen=_has_released_memory,
            passing=True,
        ),
        Edit(
            "memory module is attached",
            rows=("devices/memory:attach",),
            change={"memoryDevices": [_BLOCKWISE, _DIMM]},
            shown=("attach + devices/memory[more]",),
            seen=_says("cat /sys/bus/acpi/devices/PNP0C80*/status | grep -c 15", "1"),
        ),
        Edit(
            "virtio memory is resized",
            rows=("devices/memory/target/requested:update",),
            change={"memoryDevices": [{**_BLOCKWISE, "requested": "64MiB"}, _DIMM]},
            shown=("update ~ devices/memory[blocks]/target/requested",),
            seen=_defined("<requested unit='KiB'>65536</requested>"),
        ),
    ),
)
MODULE = Group(
    "module",
    spec={"memory": {"size": "256MiB", "maximum": "1GiB"}, "memoryDevices": [_DIMM]},
    edits=(
        # It releases this one, since it does not use memory that was plugged in before its boot.
        Edit(
            "memory module is detached",
            rows=("devices/memory:detach",),
            change={"memoryDevices": []},
            shown=("detach - devices/memory[more]", "set-memory ~ currentMemory"),
            seen=_says("cat /sys/bus/acpi/devices/PNP0C80*/status | grep -c 15", "0"),
        ),
    ),
)
DIRECTORIES = Group(
    "directories",
    spec={"memoryBacking": {"source": "memfd", "access": "shared"}},
    edits=(
        Edit(
            "directory is attached",
            rows=("devices/filesystem:attach",),
            change={
                "filesystems": [
                    {"name": "etc", "source": "/usr/share", "target": "share", "driver": "virtiofs"}
                ]
            },
            shown=("attach + devices/filesystem[etc]",),
            seen=_defined("ua-etc"),
            passing=True,
        ),
        Edit(
            "directory is detached",
            rows=("devices/filesystem:detach",),
            change={"filesystems": []},
            shown=("detach - devices/filesystem[etc]",),
            seen=_undefined("ua-etc"),
        ),
    ),
)
_NO_HARDWARE = "this machine has no device that could be handed over"
NOT_RUN = {
    "devices/disk/source/@dev:update": "this machine has no block devices to choose from",
    "devices/hostdev:attach": _NO_HARDWARE,
    "devices/hostdev:detach": _NO_HARDWARE,
    "devices/vsock:attach": "this machine has no /dev/vhost-vsock",
    "devices/vsock:detach": "this machine has no /dev/vhost-vsock",
    "devices/lease:attach": "no lock manager (sanlock) runs here",
    "devices/lease:detach": "no lock manager (sanlock) runs here",
}
"""Rows that this machine cannot exercise, with the reason."""
GROUPS = (
    DISKS,
    MOVED,
    MEDIA,
    NICS,
    BRIDGED,
    FILTERED,
    SMALL,
    LINES,
    CARDS,
    WATCHDOG,
    MEMORY,
    MODULE,
    DIRECTORIES,
)
