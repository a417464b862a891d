"""What users write of a guest's processors. Separate from the domain's own fields, of which these are parts."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.parts.placement import Cell
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand

MOST_VCPUS = 4096
"""More than QEMU gives to any guest: the machine "q35" has 4096 at most."""


class Vcpus(Shorthand):
    """Virtual processors; a bare number is short for both `count` and `maximum`."""

    short: ClassVar[str] = "maximum"

    maximum: Annotated[
        int | None,
        At("", WHOLE),
        Field(
            ge=1,
            le=MOST_VCPUS,
            description="How many can be plugged in while the guest runs. Defaults to `count`.",
        ),
    ] = None
    count: Annotated[
        int | None,
        At("@current", WHOLE),
        Field(ge=1, le=MOST_VCPUS, description="How many the guest has. Defaults to `maximum`."),
    ] = None
    placement: Annotated[
        Literal["static", "auto"] | None,
        At("@placement"),
        Field(
            description='Where they run: "static" where `cpuset` says, "auto" where numad advises at each start. '
            'Defaults to "static".'
        ),
    ] = None
    cpuset: Annotated[
        str | None,
        At("@cpuset"),
        Field(
            min_length=1,
            description='Processors of the host they may run on, such as "0-3,8"; those of `cputune.vcpupin` '
            "have their own. Defaults to all.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        """Read a bare number as both, and one of the two as the other."""
        data = super()._from_short(value)  # type: ignore[operator] # pydantic's wrapper is called like the method
        numbers = ("count", "maximum")
        said = [n for n in map(data.get, numbers) if n is not None] if isinstance(data, dict) else []
        return {**data, **dict.fromkeys(numbers, said[0])} if len(said) == 1 else data

    @model_validator(mode="after")
    def _check(self) -> "Vcpus":
        if self.count is None or self.maximum is None:
            raise ValueError('set "count" (and "maximum" for hot-plug)')
        if self.count > self.maximum:
            raise ValueError(f"count {self.count} is more than maximum {self.maximum}")
        if self.placement == "auto" and self.cpuset:
            raise ValueError('"placement: auto" and "cpuset" exclude each other; remove one of them')
        return self


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
