"""What users write of a guest's processors. Separate from the domain's own fields, of which these are parts."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.codecs import WHOLE
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At


class Vcpus(Spec):
    """Virtual processors; a bare number is short for `count`."""

    maximum: Annotated[
        int | None,
        At("", WHOLE),
        Field(ge=1, description="How many can be plugged in while the guest runs. Defaults to `count`."),
    ] = None
    count: Annotated[
        int | None,
        At("@current", WHOLE),
        Field(ge=1, description="How many the guest has. Defaults to `maximum`."),
    ] = None

    cpuset: Annotated[
        str | None,
        At("@cpuset"),
        Field(
            min_length=1,
            description='Processors of the host they may run on, such as "0-3,8". Defaults to all.',
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: object) -> object:
        numbers = ("count", "maximum")
        said = [data[name] for name in numbers if name in data] if isinstance(data, dict) else []
        if isinstance(data, dict) and len(said) == 1:
            return {**data, **dict.fromkeys(numbers, said[0])}
        return data

    @model_validator(mode="after")
    def _check(self) -> "Vcpus":
        if self.count is None or self.maximum is None:
            raise ValueError('say how many: "count", and "maximum" if more may come')
        if self.count > self.maximum:
            raise ValueError(f"count {self.count} is more than maximum {self.maximum}")
        return self


class Topology(Spec):
    """How virtual processors are grouped."""

    sockets: Annotated[int, At("@sockets", WHOLE), Field(ge=1, description="Sockets.")] = 1
    dies: Annotated[
        int | None, At("@dies", WHOLE), Field(ge=1, description="Dies of each socket. Defaults to 1.")
    ] = None
    cores: Annotated[int, At("@cores", WHOLE), Field(ge=1, description="Cores of each socket or die.")] = 1
    threads: Annotated[int, At("@threads", WHOLE), Field(ge=1, description="Threads of each core.")] = 1


class Cpu(Spec):
    """The processor the guest sees."""

    mode: Annotated[
        Literal["custom", "host-model", "host-passthrough", "maximum"] | None,
        At("@mode"),
        Field(
            description='Where the model comes from. Defaults to "host-passthrough" for a new accelerated domain.'
        ),
    ] = None
    model: Annotated[
        str | None,
        At("model"),
        Field(min_length=1, description='A model that QEMU knows, with mode "custom". Defaults to none.'),
    ] = None
    topology: Annotated[
        Topology | None,
        At("topology"),
        Field(description="Sockets, cores and threads. Defaults to a socket for each."),
    ] = None


def read_vcpus(value: object) -> object:
    """Read a bare number as a count."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"count": value}
    if isinstance(value, (dict, Vcpus)):
        return value
    raise ValueError('write a number, or "count" and "maximum"')
