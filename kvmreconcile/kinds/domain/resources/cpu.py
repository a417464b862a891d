"""The CPU that a guest sees."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.members import shared_list
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
    """The topology of vCPUs."""

    sockets: Annotated[int, At("@sockets", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Sockets.")] = 1
    dies: Annotated[
        int | None,
        At("@dies", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="Dies per socket. Defaults to 1."),
    ] = None
    cores: Annotated[
        int,
        At("@cores", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="Cores per die, or per socket without `dies`."),
    ] = 1
    threads: Annotated[
        int, At("@threads", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Threads per core.")
    ] = 1


class CpuCache(Spec):
    """The CPU caches that the guest sees."""

    mode: Annotated[
        Literal["passthrough", "emulate", "disable"],
        At("@mode"),
        Field(
            description='"passthrough" shows the host\'s cache and needs the mode "host-passthrough"; "emulate" shows an emulated one; "disable" shows none.'
        ),
    ]
    level: Annotated[
        Literal[1, 2, 3] | None,
        At("@level", WHOLE),
        Field(
            description='Level of the emulated cache; QEMU supports 3 only. With "disable", defaults to all levels.'
        ),
    ] = None


class Cpu(Spec):
    """The CPU that the guest sees."""

    mode: Annotated[
        Literal["custom", "host-model", "host-passthrough", "maximum"] | None,
        At("@mode"),
        Field(
            description='"custom" uses the CPU model in `model`; "host-model" the named model closest to the host\'s CPU, so that the guest can be migrated to similar hosts; "host-passthrough" the host\'s CPU itself; "maximum" a CPU with all features that QEMU can provide. Defaults to "host-passthrough" for a new domain with the type "kvm".'
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model"),
        Field(
            min_length=1,
            description='CPU model for the mode "custom"; `virsh domcapabilities` lists them. Defaults to none.',
        ),
    ] = None
    fallback: Annotated[
        Literal["allow", "forbid"] | None,
        At("model/@fallback"),
        Field(
            description='Whether a model with fewer features may be used if the host does not support this one. Defaults to "allow" for the mode "custom".'
        ),
    ] = None
    vendor: Annotated[
        str | None,
        At("vendor"),
        Field(
            min_length=1,
            description='CPU vendor that the host must have, "Intel" or "AMD". Defaults to any.',
        ),
    ] = None
    check: Annotated[
        Literal["none", "partial", "full"] | None,
        At("@check"),
        Field(
            description="How strictly libvirt checks before a start that the guest gets the requested CPU. Defaults to libvirt's choice for the mode."
        ),
    ] = None
    migratable: Annotated[
        bool | None,
        At("@migratable", ON_OFF),
        Field(
            description='Hide features that prevent migration. If false, a guest with the mode "host-passthrough" can have an invariant TSC. Defaults to true for that mode.'
        ),
    ] = None
    features: Annotated[
        dict[str, Literal["require", "disable", "force", "optional", "forbid"]] | None,
        At("feature", Pairs("@name", "@policy")),
        Field(
            description='Policies of single features, such as {vmx: require, hle: disable}. "require" and "disable" turn a feature on and off, "force" turns it on even if the host does not support it, "optional" turns it on if the host does, "forbid" fails the start if the host does. Unlisted features follow from the model. Defaults to none.'
        ),
    ] = None
    topology: Annotated[
        Topology | None,
        At("topology"),
        Field(
            description="Sockets, dies, cores and threads; their product must be the maximum of `vcpus`. Defaults to one socket per vCPU."
        ),
    ] = None
    cache: Annotated[
        CpuCache | None, At("cache"), Field(description="CPU caches. Defaults to QEMU's choice.")
    ] = None
    numa: Annotated[
        list[Cell] | None,
        At("numa/cell"),
        Field(
            description="NUMA cells of the guest, which together have all its vCPUs and memory. Unlisted ones are removed. Defaults to no NUMA topology."
        ),
    ] = None


class CpuFields(Spec):
    """The field of the processor."""

    cpu: Annotated[
        Cpu | None, At("cpu"), Field(description="CPU that the guest sees. Defaults to the host's.")
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
