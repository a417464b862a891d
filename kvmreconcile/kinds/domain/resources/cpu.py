"""The processor that a guest sees."""

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
"""More than QEMU gives to any guest: the machine "q35" has 4096 at most."""


class Topology(Spec):
    """How virtual processors are grouped."""

    sockets: Annotated[int, At("@sockets", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Sockets.")] = 1
    dies: Annotated[
        int | None,
        At("@dies", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="Dies of each socket. Defaults to 1."),
    ] = None
    cores: Annotated[
        int, At("@cores", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Cores of each socket or die.")
    ] = 1
    threads: Annotated[
        int, At("@threads", WHOLE), Field(ge=1, le=MOST_VCPUS, description="Threads of each core.")
    ] = 1


class CpuCache(Spec):
    """The processor's caches that the guest sees."""

    mode: Annotated[
        Literal["passthrough", "emulate", "disable"],
        At("@mode"),
        Field(
            description='"passthrough" shows the host\'s own, which needs the mode "host-passthrough"; "emulate" '
            'a made-up one; "disable" none.'
        ),
    ]
    level: Annotated[
        Literal[1, 2, 3] | None,
        At("@level", WHOLE),
        Field(
            description='Which one is emulated; QEMU knows of 3 only. Defaults to all with the mode "disable".'
        ),
    ] = None


class Cpu(Spec):
    """The processor the guest sees."""

    mode: Annotated[
        Literal["custom", "host-model", "host-passthrough", "maximum"] | None,
        At("@mode"),
        Field(
            description="Where the model comes from: the one named in `model`, the host's as a named model (so that "
            'a guest can move to a like host), or the host\'s very own. Defaults to "host-passthrough" for a new '
            "accelerated domain."
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model"),
        Field(
            min_length=1,
            description='A model that QEMU knows, with the mode "custom"; what there is tells '
            "`virsh domcapabilities`. Defaults to none.",
        ),
    ] = None
    fallback: Annotated[
        Literal["allow", "forbid"] | None,
        At("model/@fallback"),
        Field(
            description='Whether a lesser model will do where the host cannot show this one. Defaults to "allow" '
            'where the mode is "custom".'
        ),
    ] = None
    vendor: Annotated[
        str | None,
        At("vendor"),
        Field(
            min_length=1,
            description='Only a host of this vendor may run it: "Intel", "AMD". Defaults to any.',
        ),
    ] = None
    check: Annotated[
        Literal["none", "partial", "full"] | None,
        At("@check"),
        Field(
            description="How strictly what the guest is given is compared with what was asked, before it starts. "
            "Defaults to libvirt's choice for the mode."
        ),
    ] = None
    migratable: Annotated[
        bool | None,
        At("@migratable", ON_OFF),
        Field(
            description="Hide what would keep the guest from moving to another host; off, a guest with the mode "
            '"host-passthrough" can have an invariant time-stamp counter. Defaults to true with that mode.'
        ),
    ] = None
    features: Annotated[
        dict[str, Literal["require", "disable", "force", "optional", "forbid"]] | None,
        At("feature", Pairs("@name", "@policy")),
        Field(
            description='Single features by name, such as {vmx: require, hle: disable}: "require" and "disable" turn '
            'them on and off, "force" without asking whether the host can, "optional" if it can; with "forbid" the '
            "guest does not start where the host has it. Features that are not named follow from the model. "
            "Defaults to none."
        ),
    ] = None
    topology: Annotated[
        Topology | None,
        At("topology"),
        Field(
            description="Sockets, cores and threads; their product must be the maximum of `vcpus`. Defaults to a "
            "socket for each."
        ),
    ] = None
    cache: Annotated[
        CpuCache | None, At("cache"), Field(description="Caches. Defaults to what QEMU shows by itself.")
    ] = None
    numa: Annotated[
        list[Cell] | None,
        At("numa/cell"),
        Field(
            description="The guest's own NUMA nodes; together they are all its processors and memory. The list is "
            "complete once it is written. Defaults to one node of which the guest is told nothing."
        ),
    ] = None


class CpuFields(Spec):
    """The field of the processor."""

    cpu: Annotated[
        Cpu | None, At("cpu"), Field(description="The processor the guest sees. Defaults to the host's own.")
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
            # What of the processor this host and QEMU have; `qemuProcessUpdateGuestCPU` and `…LiveGuestCPU`.
            live_ignored=paths("@mode", "@check", "@match", "model", "model/@fallback", "feature/@policy"),
            whole=paths("", "topology"),
        ).below("cpu"),
        numa_cell.RULES,
    ),
)
