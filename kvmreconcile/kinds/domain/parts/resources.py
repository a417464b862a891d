"""
The fields of a domain that say what it takes of the host: processors, memory and time.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from kvmreconcile.kinds.codecs import Bytes
from kvmreconcile.kinds.domain.parts.cpu import Cpu, Vcpus, read_vcpus
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import Size


class Resources(Spec):
    """What a guest takes of the host."""

    memory: Annotated[
        Size | None,
        At("memory", Bytes()),
        Field(description="Memory of the guest. Required unless `xml` gives it."),
    ] = None
    current_memory: Annotated[
        Size | None,
        At("currentMemory", Bytes()),
        Field(
            description="What the balloon leaves to the guest, at most `memory`. Defaults to all of `memory`."
        ),
    ] = None
    vcpus: Annotated[
        Vcpus | None,
        At("vcpu"),
        BeforeValidator(read_vcpus, json_schema_input_type=int | Vcpus),
        Field(description="Virtual processors. Defaults to 1 for a new domain."),
    ] = None
    cpu: Annotated[
        Cpu | None, At("cpu"), Field(description="The processor the guest sees. Defaults to the host's own.")
    ] = None
