"""
What the engine must know about libvirt's domain XML.

Source, unless a row names another: https://libvirt.org/formatdomain.html. How a change reaches a running
domain is the longest of the tables and stands in `updates`.
"""

import re
from collections.abc import Callable

from kvmreconcile.kinds.domain.births import BIRTHS
from kvmreconcile.kinds.domain.identities import IDENTITIES
from kvmreconcile.kinds.domain.members import MEMBERS
from kvmreconcile.kinds.domain.parts.naming import HIDDEN_NAMES
from kvmreconcile.kinds.domain.unsupported import UNSUPPORTED
from kvmreconcile.kinds.domain.updates import UPDATES
from kvmreconcile.kinds.ownership_mark import RULE
from kvmreconcile.tree import Automatic, Measure, Node, Ref, Reset, Rules, Scalar, Table, paths
from kvmreconcile.tree.scalars import bitmap, hundredths, integer, lower, number, octal, path, stripped, uuid


def _is_alias_of(alias: str, machine: str) -> bool:
    """
    Tell whether a machine type is a version of the family that an alias names ("q35" and "pc-q35-7.2").

    Source: https://libvirt.org/formatcaps.html#guest-capabilities (`canonical`)
    """
    family = {"q35": "pc-q35", "pc": "pc-i440fx"}.get(alias, alias)
    return re.fullmatch(rf"{re.escape(family)}-[0-9.]+\w*", machine) is not None


_NUMBER, _INTEGER, _PATH, _BITMAP, _LOWER = (
    Scalar(number),
    Scalar(integer),
    Scalar(path),
    Scalar(bitmap),
    Scalar(lower),
)

SCALARS = Table(
    {
        "uuid": Scalar(uuid),
        "genid": Scalar(uuid),
        "os/type/@machine": Scalar(stripped, accepts=_is_alias_of),
        "vcpu": _INTEGER,
        "vcpu/@cpuset": _BITMAP,
        "cputune/*/@cpuset": _BITMAP,
        "cputune/*/@vcpus": _BITMAP,
        "cputune/*/@iothreads": _BITMAP,
        "cputune/cachetune/monitor/@vcpus": _BITMAP,
        "numatune/*/@nodeset": _BITMAP,
        "cpu/numa/cell/@cpus": _BITMAP,
        "memoryBacking/hugepages/page/@nodeset": _BITMAP,
        "devices/memory/source/nodemask": _BITMAP,
        "devices/interface/mac/@address": _LOWER,
        "devices/filesystem/@fmode": Scalar(octal),
        "devices/filesystem/@dmode": Scalar(octal),
        "devices/redirfilter/usbdev/@version": Scalar(hundredths),
        # libvirt writes the default LUN of an iSCSI target behind its name.
        "devices/disk/source/@name": Scalar(
            lambda name: name.removesuffix("/0") if name.startswith("iqn.") else name
        ),
        "devices/*/address/@*": _NUMBER,
        "devices/*/target/address/@*": _NUMBER,
        "devices/*/source/address/@*": _NUMBER,
        "devices/hostdev/source/*/@id": _NUMBER,
        "devices/redirfilter/usbdev/@*": _NUMBER,
        "devices/disk/wwn": _LOWER,
        "devices/disk/source/@file": _PATH,
        "devices/disk/source/@dev": _PATH,
        "devices/disk/source/@dir": _PATH,
        "os/kernel": _PATH,
        "os/initrd": _PATH,
        "sysinfo/system/entry": Scalar(stripped),
        "devices/controller/@index": _INTEGER,
        "**/@iothread": _INTEGER,
        "**/@queues": _INTEGER,
    }
)

_AT_START = Measure(start_step=1 << 20)
"""Memory, which is aligned when the guest starts; `qemuDomainGetMemorySizeAlignment`."""

MEASURES = Table(
    {
        "memory": _AT_START,
        "currentMemory": _AT_START,
        "maxMemory": Measure(),
        "memtune/*": Measure(),
        "cpu/numa/cell": Measure(value="@memory", start_step=1 << 20),
        "cpu/numa/cell/cache/*": Measure(value="@value"),
        "cpu/numa/interconnects/bandwidth": Measure(value="@value"),
        "memoryBacking/hugepages/page": Measure(value="@size"),
        "devices/memory/target/size": _AT_START,
        "devices/memory/target/*": Measure(),
        "devices/memory/source/pagesize": Measure(),
        "devices/shmem/size": Measure(default="B", step=1),
        "**/metadata_cache/max_size": Measure(default="B", step=1),
        "devices/disk/source/slices/slice": Measure(value="@size", unit="@unit", default="B", step=1),
        "features/smm/tseg": Measure(default="MiB", step=1),
        "devices/controller/pcihole64": Measure(),
        "cputune/cachetune/cache": Measure(value="@size", default="B"),
    }
)

# What libvirt derived from a value, and would otherwise keep when the value changes.
RESETS: Table[tuple[Reset, ...]] = Table(
    {
        "": (
            Reset("memory", ("currentMemory",)),
            # Which ones are plugged in, by their numbers.
            Reset("vcpu/@current", ("vcpus",), implied=True),
            Reset("vcpu", ("vcpus",)),
        ),
        "devices/disk": (
            Reset("target/@bus", ("address",)),
            Reset("@type", ("source",)),
            Reset("source/@startupPolicy", ()),
        ),
        "devices/interface": (Reset("model/@type", ("address",)), Reset("@type", ("source", "virtualport"))),
        "devices/video": (Reset("model/@type", ("address",)),),
        "devices/video/model": (
            Reset("@type", ("@ram", "@vram", "@vgamem", "@vram64", "@heads", "@primary")),
        ),
        "devices/controller": (Reset("@model", ("address", "model", "target")),),
        "devices/input": (Reset("@bus", ("address",)),),
        "devices/rng": (Reset("backend/@model", ()),),
        "os": (Reset("@firmware", ("loader", "nvram", "firmware")), Reset("loader", ("nvram/@template",))),
        "os/type": (Reset("@arch", ("@machine",)),),
        "cpu": (Reset("@mode", ("@check", "@match", "@migratable", "model", "feature", "topology/@dies")),),
        "devices/graphics": (Reset("@listen", ("listen",)), Reset("@autoport", ("@port",))),
    }
)

# Values that libvirt leaves out of its answer, since they are what it does anyway.
IMPLIED: Table[str | Callable[[Node], str]] = Table(
    {
        # All of them are plugged in.
        "vcpu/@current": lambda vcpu: vcpu.text,
        "devices/graphics/@autoport": "no",
        "devices/disk/target/@tray": "closed",
        "devices/disk/@snapshot": "no",
        "devices/smartcard/protocol/@type": "raw",
        "devices/rng/backend/protocol/@type": "raw",
        "devices/redirdev/protocol/@type": "raw",
        "devices/channel/source/@mode": "bind",
        "devices/video/model/@primary": "no",
        "devices/interface/coalesce": "",
        "devices/interface/coalesce/rx": "",
        "devices/interface/coalesce/rx/frames/@max": "0",
        "cpu/model/@fallback": "allow",
        "memtune/hard_limit": "9007199254740991",
        "memtune/hard_limit/@unit": "KiB",
        "seclabel": "",
        "seclabel/@type": "dynamic",
        "seclabel/@relabel": "yes",
    }
)

_GRAPHICS = "https://libvirt.org/formatdomain.html#graphical-framebuffers"

# What libvirt chooses at each start, and writes into the running definition only.
AUTOMATIC: Table[tuple[Automatic, ...]] = Table(
    {
        "devices/graphics": (
            *(Automatic(port, "-1", source=_GRAPHICS) for port in ("@port", "@tlsPort", "@websocket")),
            *(
                Automatic(port, when=(("@autoport", "yes"),), source=_GRAPHICS)
                for port in ("@port", "@tlsPort")
            ),
        ),
        "devices/graphics/listen": (Automatic("@address", when=(("@type", "network"),), source=_GRAPHICS),),
        "devices/interface": (
            Automatic(
                "target/@dev",
                ".*%d.*",
                source="https://libvirt.org/formatdomain.html#overriding-the-target-element",
            ),
        ),
        "devices/vsock/cid": (
            Automatic(
                "@address", when=(("@auto", "yes"),), source="https://libvirt.org/formatdomain.html#vsock"
            ),
        ),
    }
)


REFS: Table[tuple[Ref, ...]] = Table(
    {
        "devices/disk/source": (
            Ref("Volume", ("@pool", "@volume")),
            Ref("StoragePool", ("@pool",)),
        ),
        "devices/interface/source": (Ref("Network", ("@network",)),),
    }
)

RULES = Rules(
    members=MEMBERS,
    scalars=SCALARS,
    measures=MEASURES,
    implied=IMPLIED,
    resets=RESETS,
    refs=REFS,
    identities=IDENTITIES,
    unsupported=UNSUPPORTED,
    # Every device, and the medium of a drive.
    parts=paths("devices/*", "devices/disk/source"),
    updates=UPDATES,
    creation_defaults=BIRTHS,
    # What libvirt reports of a running domain or of its own doings, and some write into what they define.
    ignored=paths(
        RULE,
        "@id",
        "devices/disk/mirror",
        "devices/disk/backingStore/@index",
        "devices/disk/source/@index",
        "devices/interface/source/@portid",
        "devices/interface/mac/@currentAddress",
        "seclabel/imagelabel",
    ),
    # How many ports a new guest is made with; `complete` puts them there.
    at_creation=paths("devices/@slots"),
    automatic=AUTOMATIC,
    live_ignored=paths(
        # The processor and what of it this host and QEMU have; `qemuProcessUpdateGuestCPU` and `…LiveGuestCPU`.
        "cpu/@mode",
        "cpu/@check",
        "cpu/@match",
        "cpu/model",
        "cpu/model/@fallback",
        "cpu/feature/@policy",
        # The firmware's files.
        "os/@firmware",
        "os/firmware",
        "os/loader",
        "os/nvram",
        # Local time becomes a distance from UTC at the start, and the guest sets its clock; `qemuProcessHandleRTCChange`.
        "clock/@adjustment",
        "clock/@basis",
        # A guest that wakes up from a file gets another; `qemuProcessGenID`.
        "genid",
    ),
    invisible=HIDDEN_NAMES,
    rebooting=Table({"on_reboot": "destroy"}),
    containers=paths(
        "cputune",
        "memtune",
        "blkiotune",
        "iothreadids",
        "throttlegroups",
        "perf",
        "devices/disk/iotune",
        "devices/interface/bandwidth",
        "metadata",
    ),
    # Elements that libvirt refuses, or reads otherwise, when a part of what we said is taken away.
    whole=paths(
        "cpu",
        "os/loader",
        "os/nvram",
        "vcpu",
        "clock",
        "devices",
        "numatune/memory",
        "cpu/topology",
        "iothreads",
    ),
    required=paths(
        "name",
        "uuid",
        "@type",
        "memory",
        "memory/@unit",
        "os/type",
        "os/type/@*",
        "devices",
        # A device stays where the guest knows it, and half an address is refused.
        "devices/*/address",
        "devices/*/address/@*",
    ),
    copies=Table(
        {
            # `virDomainDefAddConsoleCompat`
            "devices/serial": "devices/console",
            "devices/console": "devices/serial",
            # `virDomainGraphicsListenDefParseXML`
            "devices/graphics/@listen": "devices/graphics/listen/@address",
            "devices/graphics/@socket": "devices/graphics/listen/@socket",
        }
    ),
    secrets=paths(
        # What libvirt itself shows only if asked for it (VIR_DOMAIN_XML_SECURE).
        "devices/graphics/@passwd",
        "devices/**/cookies/cookie",
        "launchSecurity/session",
        # Places of passwords, keys and tokens. The kernel's command line (os/cmdline) is not among them: every process
        # of the guest can read it, and an edit of a value that is not stored cannot be rolled back. A spec may name
        # it in `secret`.
        "devices/**/auth/secret/@usage",
        "devices/**/source/@query",
        "sysinfo/entry",
        "sysinfo/*/entry",
        "qemu:commandline/qemu:arg/@value",
        "qemu:commandline/qemu:env/@value",
        "qemu:override/qemu:device/qemu:frontend/qemu:property/@value",
    ),
)
