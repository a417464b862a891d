"""
How repeated elements of a domain are told apart, and whose their lists are.

Separate from the other rules because it is the one that must never be wrong: a device taken for another loses
a guest its disk. Source: https://libvirt.org/formatdomain.html
"""

from kvmreconcile.tree import Members, Owner, Table

_PCI = ("source/address/@domain", "source/address/@bus", "source/address/@slot", "source/address/@function")


def _list(*keys: tuple[str, ...]) -> Members:
    """Return a list that is complete where the spec mentions it: what it does not name is taken from the guest."""
    return Members(keys, Owner.SPEC)


def _shared(*keys: tuple[str, ...]) -> Members:
    """Return a list to which libvirt and other tools add members of their own."""
    return Members(keys, Owner.SHARED)


_ORDERED = Members((), Owner.ORDERED)
_ALIAS = ("alias/@name",)

MEMBERS = Table(
    {
        "devices/disk": _list(_ALIAS, ("target/@dev",)),
        "devices/interface": _list(_ALIAS, ("mac/@address",), ("target/@dev",)),
        "devices/hostdev": _list(
            _ALIAS, _PCI, ("source/address/@uuid",), ("source/vendor/@id", "source/product/@id")
        ),
        "devices/filesystem": _list(_ALIAS, ("target/@dir",)),
        "devices/controller": Members(
            (_ALIAS, ("@type", "@index")),
            # A USB 2 controller and its companions share an index.
            hints=(("@type", "@index", "@model"),),
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
        "devices/memory": _list(_ALIAS),
        "devices/*": _shared(_ALIAS),
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
