"""The CPU model, topology, caches and NUMA nodes that a guest sees."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.member_keys import shared_list
from kvmreconcile.kinds.domain.resources import numa_cell
from kvmreconcile.kinds.domain.resources.numa_cell import Cell
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Reset, Rules, Table, combined, paths

MOST_VCPUS = 4096
"""Upper limit, above that of any QEMU machine type: "q35" has 4096 at most."""


class Topology(Spec):
    """Topology of vCPUs."""

    sockets: Annotated[
        int, At("@sockets", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Number of sockets.")
    ] = 1
    dies: Annotated[
        int | None,
        At("@dies", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="Number of dies of each socket. Defaults to 1."),
    ] = None
    cores: Annotated[
        int, At("@cores", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Number of cores of each die.")
    ] = 1
    threads: Annotated[
        int, At("@threads", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Number of threads of each core.")
    ] = 1


class CpuCache(Spec):
    """CPU caches that the guest sees."""

    mode: Annotated[
        Literal["passthrough", "emulate", "disable"],
        At("@mode"),
        Field(
            description=(
                'Mode: "passthrough" shows the host\'s caches, and requires the CPU mode '
                '"host-passthrough"; "emulate" shows emulated caches; "disable" shows no caches.'
            )
        ),
    ]
    level: Annotated[
        Literal[1, 2, 3] | None,
        At("@level", WHOLE),
        Field(
            description=(
                "Level of the emulated cache; QEMU supports level 3 only. Defaults to all levels "
                'with the mode "disable".'
            )
        ),
    ] = None


class Cpu(Spec):
    """The CPU that the guest sees."""

    mode: Annotated[
        Literal["custom", "host-model", "host-passthrough", "maximum"] | None,
        At("@mode"),
        Field(
            description=(
                'Source of the CPU model. "custom": the model in `model`. "host-model": a named '
                "model similar to the host's CPU, so that the guest can be migrated to similar "
                'hosts. "host-passthrough": the host\'s CPU itself. Defaults to '
                '"host-passthrough" for a new accelerated domain.'
            )
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model"),
        Field(
            min_length=1,
            description=(
                'CPU model of QEMU, for the mode "custom"; `virsh domcapabilities` lists the models. '
                "Defaults to none."
            ),
        ),
    ] = None
    fallback: Annotated[
        Literal["allow", "forbid"] | None,
        At("model/@fallback"),
        Field(
            description=(
                "Whether a model with fewer features may be used if the host does not support "
                '`model`. Defaults to "allow" with the mode "custom".'
            )
        ),
    ] = None
    vendor: Annotated[
        str | None,
        At("vendor"),
        Field(
            min_length=1,
            description='Vendor that the host\'s CPU must have: "Intel", "AMD". Defaults to any.',
        ),
    ] = None
    check: Annotated[
        Literal["none", "partial", "full"] | None,
        At("@check"),
        Field(
            description=(
                "How strictly the CPU of a starting guest must match the CPU in the spec. Defaults "
                "to libvirt's choice for the mode."
            )
        ),
    ] = None
    migratable: Annotated[
        bool | None,
        At("@migratable", ON_OFF),
        Field(
            description=(
                "Whether features that prevent migration are hidden from the guest. If false, a "
                'guest with the mode "host-passthrough" can have an invariant time-stamp counter. '
                "Defaults to true with that mode."
            )
        ),
    ] = None
    features: Annotated[
        dict[str, Literal["require", "disable", "force", "optional", "forbid"]] | None,
        At("feature", Pairs("@name", "@policy")),
        Field(
            description=(
                'Features by name, such as {vmx: require, hle: disable}: "require" enables a '
                'feature, "disable" disables it; "force" enables a feature even if the host does not '
                'support it, "optional" only if the host supports it; "forbid" prevents the guest '
                "from starting on a host with the feature. Unlisted features depend on the model. "
                "Defaults to none."
            )
        ),
    ] = None
    topology: Annotated[
        Topology | None,
        At("topology"),
        Field(
            description=(
                "Sockets, dies, cores and threads; their product must be the maximum of `vcpus`. "
                "Defaults to one socket per vCPU."
            )
        ),
    ] = None
    cache: Annotated[
        CpuCache | None, At("cache"), Field(description="CPU caches. Defaults to QEMU's choice.")
    ] = None
    numa: Annotated[
        list[Cell] | None,
        At("numa/cell"),
        Field(
            description=(
                "NUMA nodes of the guest. Together, they must contain all vCPUs and all memory of "
                "the guest. The list is complete: unlisted nodes are removed. Defaults to none: the "
                "guest has no NUMA topology."
            )
        ),
    ] = None


class CpuFields(Spec):
    """Field of Domain for the CPU."""

    cpu: Annotated[
        Cpu | None,
        At("cpu"),
        Field(
            description="The CPU that the guest sees. Defaults to the host's CPU for a new accelerated domain."
        ),
    ] = None


SECTION = Section(
    CpuFields,
    combined(
        Rules(
            members=Table({"feature": shared_list(("@name",)), "cache": shared_list()}),
            implied=Table({"model/@fallback": "allow"}),
            resets=Table(
                {
                    "": (
                        Reset(
                            "@mode", ("@check", "@match", "@migratable", "model", "feature", "topology/@dies")
                        ),
                    )
                }
            ),
            # Features of the CPU that this host and QEMU support; `qemuProcessUpdateGuestCPU` and `…LiveGuestCPU`.
            live_ignored=paths("@mode", "@check", "@match", "model", "model/@fallback", "feature/@policy"),
            whole=paths("", "topology"),
        ).below("cpu"),
        numa_cell.RULES,
    ),
)
