"""
How repeated elements of a domain are told apart, and whose their lists are.

Separate from the other rules because it is the one that must never be wrong: a device taken for another loses
a guest its disk. Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Members, Owner, Table

Keys = tuple[tuple[str, ...], ...]

_ALIAS = ("alias/@name",)
_PLACE = ("address/@*",)
"""Where libvirt has put a device. It gives the place of one that goes to the next that comes."""
_PCI = ("source/address/@domain", "source/address/@bus", "source/address/@slot", "source/address/@function")
_SOURCES: Keys = (
    ("source/@file",),
    ("source/@dev",),
    ("source/@pool", "source/@volume"),
    ("source/@protocol", "source/@name"),
    ("source/@dir",),
)
"""What a disk is on."""
_LINKS: Keys = (
    ("source/@network",),
    ("source/@bridge",),
    ("source/@dev",),
    ("source/@path",),
    ("@type=user",),
    ("@type=ethernet",),
)
"""What an interface hangs on."""
_ADVICE = 'change one device at a time, or first add a "name" to each together with the {} that it has now'


def _list(*keys: tuple[str, ...]) -> Members:
    """Return a list that is complete where the spec mentions it: what it does not name is taken from the guest."""
    return Members(keys, Owner.SPEC)


def _shared(*keys: tuple[str, ...], fallback: Keys = ()) -> Members:
    """Return a list to which libvirt and other tools add members of their own; names of members may change."""
    renamed = keys[1:] if keys[:1] == (_ALIAS,) else ()
    return Members(keys, Owner.SHARED, fallback=(*renamed, *fallback))


_ORDERED = Members((), Owner.ORDERED)

_DISKS = Members(
    (_ALIAS, ("target/@dev",)),
    Owner.SPEC,
    # What is in a drive comes and goes, and tells nothing of the drive.
    fallback=(
        ("target/@dev",),
        *(("@device=disk|lun|", *source) for source in _SOURCES),
        ("@device=cdrom", "target/@bus"),
        ("@device=cdrom",),
        ("@device=floppy",),
    ),
    # Targets that are counted through anew: the disk that would be unplugged is there under another one.
    claims=tuple(("@device=disk|lun|", *source) for source in _SOURCES),
    running=(
        _ALIAS,
        *((*_PLACE, *source) for source in _SOURCES),
        *(("target/@dev", *source) for source in _SOURCES),
    ),
    advice=_ADVICE.format("target"),
)
_INTERFACES = Members(
    (_ALIAS, ("mac/@address",), ("target/@dev",)),
    Owner.SPEC,
    fallback=(
        ("mac/@address",),
        ("target/@dev",),
        _PCI,
        *((*link, "model/@type") for link in _LINKS),
        *_LINKS,
    ),
    running=(
        _ALIAS,
        ("mac/@address", *_PLACE),
        *((*_PLACE, *link) for link in _LINKS),
        ("mac/@address",),
    ),
    advice=_ADVICE.format("MAC address"),
)
_HOSTDEVS: Keys = (_PCI, ("source/address/@uuid",), ("source/vendor/@id", "source/product/@id"))
_FILESYSTEMS: Keys = (("target/@dir",), ("source/@dir",))
_MEMORY: Keys = (("@model", "target/size", "target/node"), ("@model", "target/size"))

MEMBERS = Table(
    {
        "devices/disk": _DISKS,
        "devices/interface": _INTERFACES,
        "devices/hostdev": Members(
            (_ALIAS, *_HOSTDEVS),
            Owner.SPEC,
            fallback=_HOSTDEVS,
            running=(_ALIAS, *_HOSTDEVS),
            advice=_ADVICE.format("host device"),
        ),
        "devices/filesystem": Members(
            (_ALIAS, ("target/@dir",)),
            Owner.SPEC,
            fallback=_FILESYSTEMS,
            running=(_ALIAS, ("target/@dir", "source/@dir"), (*_PLACE, "source/@dir")),
            advice=_ADVICE.format("target"),
        ),
        "devices/controller": Members(
            (_ALIAS, ("@type", "@index")),
            # A USB 2 controller and its companions share an index.
            hints=(("@type", "@index", "@model"),),
            fallback=(("@type", "@index"),),
        ),
        "devices/lease": _list(("lockspace", "key")),
        "devices/serial": _shared(_ALIAS, ("target/@port",)),
        "devices/parallel": _shared(_ALIAS, ("target/@port",)),
        "devices/console": _shared(_ALIAS, ("target/@type", "target/@port"), ("target/@port",)),
        "devices/channel": _shared(_ALIAS, ("target/@name",), ("target/@address", "target/@port")),
        "devices/input": _shared(_ALIAS, ("@type", "@bus")),
        "devices/graphics": _shared(("@type",)),
        "devices/graphics/listen": _list(("@type", "@address"), ("@type", "@network"), ("@type", "@socket")),
        "devices/graphics/channel": _shared(("@name",)),
        # libvirt puts the primary one first, wherever it was written.
        "devices/video": Members((_ALIAS,), hints=(("model/@primary",),)),
        "devices/audio": _shared(("@id",)),
        "devices/shmem": _shared(("@name",)),
        "devices/panic": _shared(("@model",)),
        # Since 9.1 libvirt lists the watchdog of q35's chipset ("itco") in every definition, beside any other.
        "devices/watchdog": _shared(_ALIAS, ("@model",)),
        "devices/memory": Members(
            (_ALIAS,),
            Owner.SPEC,
            fallback=_MEMORY,
            running=(_ALIAS,),
            advice=_ADVICE.format("size"),
        ),
        "devices/redirdev": _shared(_ALIAS, fallback=(("@type", "@bus"),)),
        "devices/*": _shared(_ALIAS, fallback=(("@model",), ("@type",))),
        "devices/*/*/seclabel": _shared(("@model",)),
        "devices/disk/source/host": _ORDERED,
        "devices/disk/source/cookies/cookie": _list(("@name",)),
        "devices/disk/source/slices/slice": _list(("@type",)),
        "devices/disk/driver/metadata_cache": _shared(),
        "devices/interface/ip": _list(("@address",)),
        "devices/interface/route": _list(("@address",)),
        "devices/interface/filterref/parameter": _list(("@name", "@value")),
        "devices/interface/vlan/tag": _list(("@id",)),
        "devices/redirfilter/usbdev": _ORDERED,
        "devices/smartcard/certificate": _ORDERED,
        "devices/video/model/acceleration": _shared(),
        "os/boot": _ORDERED,
        "os/acpi/table": _ORDERED,
        "os/firmware/feature": _shared(("@name",)),
        "cpu/feature": _shared(("@name",)),
        "cpu/numa/cell": _list(("@id",)),
        "cpu/numa/cell/distances/sibling": _list(("@id",)),
        "cpu/numa/interconnects/latency": _list(
            ("@initiator", "@target", "@cache", "@type"), ("@initiator", "@target", "@type")
        ),
        "cpu/numa/interconnects/bandwidth": _list(("@initiator", "@target", "@type")),
        "cpu/cache": _shared(),
        "clock/timer": _shared(("@name",)),
        "vcpus/vcpu": _shared(("@id",)),
        "iothreadids/iothread": _shared(("@id",)),
        "cputune/vcpupin": _list(("@vcpu",)),
        "cputune/iothreadpin": _list(("@iothread",)),
        "cputune/vcpusched": _list(("@vcpus",)),
        "cputune/iothreadsched": _list(("@iothreads",)),
        "cputune/cachetune": _list(("@vcpus",)),
        "cputune/cachetune/cache": _list(("@id", "@level", "@type")),
        "cputune/cachetune/monitor": _list(("@level", "@vcpus")),
        "cputune/memorytune": _list(("@vcpus",)),
        "cputune/memorytune/node": _list(("@id",)),
        "numatune/memnode": _list(("@cellid",)),
        # Tools that watch guests count events of their own.
        "perf/event": _shared(("@name",)),
        "blkiotune/device": _list(("path",)),
        "throttlegroups/throttlegroup": _shared(("group_name",)),
        "memoryBacking/hugepages/page": _list(("@nodeset",)),
        "seclabel": _shared(("@model",), ("@type",)),
        "sysinfo": _shared(("@type",)),
        "sysinfo/oemStrings/entry": _ORDERED,
        "sysinfo/*/entry": _list(("@name",)),
        "sysinfo/entry": _list(("@name",)),
        "sysinfo/baseBoard": _ORDERED,
        "resource": _shared(),
        "qemu:commandline/qemu:arg": _ORDERED,
        "qemu:commandline/qemu:env": _list(("@name",)),
        "qemu:capabilities/qemu:add": _list(("@capability",)),
        "qemu:capabilities/qemu:del": _list(("@capability",)),
        "qemu:override/qemu:device": _list(("@alias",)),
        "qemu:override/qemu:device/qemu:frontend/qemu:property": _list(("@name",)),
        "qemu:deprecation": _shared(),
    }
)
