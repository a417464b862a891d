"""
Rules of a domain's XML: those of its sections, and those of no section.

Source, unless a row names another: https://libvirt.org/formatdomain.html
"""

import re
from collections.abc import Callable

from kvmreconcile.kinds.domain.creation_defaults import CREATION_DEFAULTS
from kvmreconcile.kinds.domain.members import ORDERED, complete_list, shared_list
from kvmreconcile.kinds.domain.sections import SECTIONS
from kvmreconcile.kinds.domain.spellings import AT_START, BITMAP, INTEGER, PATH
from kvmreconcile.kinds.domain.updates.tuning import TUNING
from kvmreconcile.kinds.domain.updates.values import VALUES
from kvmreconcile.kinds.ownership_mark import RULE
from kvmreconcile.tree import Identity, Measure, Node, Reset, Rules, Scalar, Table, combined, paths
from kvmreconcile.tree.scalars import stripped, uuid


def _is_alias_of(alias: str, machine: str) -> bool:
    """
    Tell whether a machine type is a version of the family that an alias names ("q35" and "pc-q35-7.2").

    Source: https://libvirt.org/formatcaps.html#guest-capabilities (`canonical`)
    """
    family = {"q35": "pc-q35", "pc": "pc-i440fx"}.get(alias, alias)
    return re.fullmatch(rf"{re.escape(family)}-[0-9.]+\w*", machine) is not None


MEMBERS = Table(
    {
        "os/boot": ORDERED,
        "os/acpi/table": ORDERED,
        "os/firmware/feature": shared_list(("@name",)),
        "cpu/feature": shared_list(("@name",)),
        "cpu/numa/cell": complete_list(("@id",)),
        "cpu/numa/cell/distances/sibling": complete_list(("@id",)),
        "cpu/numa/interconnects/latency": complete_list(
            ("@initiator", "@target", "@cache", "@type"), ("@initiator", "@target", "@type")
        ),
        "cpu/numa/interconnects/bandwidth": complete_list(("@initiator", "@target", "@type")),
        "cpu/cache": shared_list(),
        "clock/timer": shared_list(("@name",)),
        "vcpus/vcpu": shared_list(("@id",)),
        "iothreadids/iothread": shared_list(("@id",)),
        "cputune/vcpupin": complete_list(("@vcpu",)),
        "cputune/iothreadpin": complete_list(("@iothread",)),
        "cputune/vcpusched": complete_list(("@vcpus",)),
        "cputune/iothreadsched": complete_list(("@iothreads",)),
        "cputune/cachetune": complete_list(("@vcpus",)),
        "cputune/cachetune/cache": complete_list(("@id", "@level", "@type")),
        "cputune/cachetune/monitor": complete_list(("@level", "@vcpus")),
        "cputune/memorytune": complete_list(("@vcpus",)),
        "cputune/memorytune/node": complete_list(("@id",)),
        "numatune/memnode": complete_list(("@cellid",)),
        # Tools that watch guests count events of their own.
        "perf/event": shared_list(("@name",)),
        "blkiotune/device": complete_list(("path",)),
        "throttlegroups/throttlegroup": shared_list(("group_name",)),
        "memoryBacking/hugepages/page": complete_list(("@nodeset",)),
        "seclabel": shared_list(("@model",), ("@type",)),
        "sysinfo": shared_list(("@type",)),
        "sysinfo/oemStrings/entry": ORDERED,
        "sysinfo/*/entry": complete_list(("@name",)),
        "sysinfo/entry": complete_list(("@name",)),
        "sysinfo/baseBoard": ORDERED,
        "resource": shared_list(),
        "qemu:commandline/qemu:arg": ORDERED,
        "qemu:commandline/qemu:env": complete_list(("@name",)),
        "qemu:capabilities/qemu:add": complete_list(("@capability",)),
        "qemu:capabilities/qemu:del": complete_list(("@capability",)),
        "qemu:override/qemu:device": complete_list(("@alias",)),
        "qemu:override/qemu:device/qemu:frontend/qemu:property": complete_list(("@name",)),
        "qemu:deprecation": shared_list(),
    }
)

SCALARS = Table(
    {
        "uuid": Scalar(uuid),
        "genid": Scalar(uuid),
        "os/type/@machine": Scalar(stripped, accepts=_is_alias_of),
        "vcpu": INTEGER,
        "vcpu/@cpuset": BITMAP,
        "cputune/*/@cpuset": BITMAP,
        "cputune/*/@vcpus": BITMAP,
        "cputune/*/@iothreads": BITMAP,
        "cputune/cachetune/monitor/@vcpus": BITMAP,
        "numatune/*/@nodeset": BITMAP,
        "cpu/numa/cell/@cpus": BITMAP,
        "memoryBacking/hugepages/page/@nodeset": BITMAP,
        "os/kernel": PATH,
        "os/initrd": PATH,
        "sysinfo/system/entry": Scalar(stripped),
    }
)

MEASURES = Table(
    {
        "memory": AT_START,
        "currentMemory": AT_START,
        "maxMemory": Measure(),
        "memtune/*": Measure(),
        "cpu/numa/cell": Measure(value="@memory", start_step=1 << 20),
        "cpu/numa/cell/cache/*": Measure(value="@value"),
        "cpu/numa/interconnects/bandwidth": Measure(value="@value"),
        "memoryBacking/hugepages/page": Measure(value="@size"),
        "features/smm/tseg": Measure(default="MiB", step=1),
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
        "os": (Reset("@firmware", ("loader", "nvram", "firmware")), Reset("loader", ("nvram/@template",))),
        "os/type": (Reset("@arch", ("@machine",)),),
        "cpu": (Reset("@mode", ("@check", "@match", "@migratable", "model", "feature", "topology/@dies")),),
    }
)

# Values that libvirt leaves out of its answer, since they are what it does anyway.
IMPLIED: Table[str | Callable[[Node], str]] = Table(
    {
        # All of them are plugged in.
        "vcpu/@current": lambda vcpu: vcpu.text,
        "cpu/model/@fallback": "allow",
        "memtune/hard_limit": "9007199254740991",
        "memtune/hard_limit/@unit": "KiB",
        "seclabel": "",
        "seclabel/@type": "dynamic",
        "seclabel/@relabel": "yes",
    }
)

_REST = Rules(
    members=MEMBERS,
    scalars=SCALARS,
    measures=MEASURES,
    implied=IMPLIED,
    resets=RESETS,
    identities=Table(
        {
            "uuid": (Identity("UUID", ("",), proves=True, always=True, unique=True),),
            "os/nvram": (Identity("NVRAM file", ("",), proves=True, always=True),),
        }
    ),
    actions=Table({**VALUES, **TUNING}),
    births=Table({"": CREATION_DEFAULTS}),
    # What libvirt reports of a running domain or of its own doings, and some write into what they define.
    ignored=paths(
        RULE,
        "@id",
        "seclabel/imagelabel",
    ),
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
    rebooting=Table({"on_reboot": "destroy"}),
    containers=paths(
        "cputune",
        "memtune",
        "blkiotune",
        "iothreadids",
        "throttlegroups",
        "perf",
        "metadata",
    ),
    # Elements that libvirt refuses, or reads otherwise, when a part of what we said is taken away.
    whole=paths(
        "cpu",
        "os/loader",
        "os/nvram",
        "vcpu",
        "clock",
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
    ),
    secrets=paths(
        "launchSecurity/session",
        # Places of passwords, keys and tokens. The kernel's command line (os/cmdline) is not among them: every process
        # of the guest can read it, and an edit of a value that is not stored cannot be rolled back. A spec may name
        # it in `secret`.
        "sysinfo/entry",
        "sysinfo/*/entry",
        "qemu:commandline/qemu:arg/@value",
        "qemu:commandline/qemu:env/@value",
        "qemu:override/qemu:device/qemu:frontend/qemu:property/@value",
    ),
)

RULES = combined(_REST, *(section.rules for section in SECTIONS))
