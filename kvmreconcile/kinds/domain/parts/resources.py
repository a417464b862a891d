"""
The fields of a domain that say what it takes of the host: processors, memory and time.

Separate from the spec itself because with them it would be too long to read.
"""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.parts.cpu import Cpu, Vcpus
from kvmreconcile.kinds.domain.parts.memory import Memory, MemoryBacking, Memtune
from kvmreconcile.kinds.domain.parts.placement import Numatune
from kvmreconcile.kinds.domain.parts.throttle import Blkiotune
from kvmreconcile.kinds.domain.parts.tuning import Cputune, Iothreads
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size


class Resources(Spec):
    """What a guest takes of the host."""

    memory: Annotated[
        Memory | None, At(""), Field(description="Memory of the guest. Required unless `xml` gives it.")
    ] = None
    current_memory: Annotated[
        Size | None,
        At("currentMemory", Bytes()),
        Field(
            description="What the balloon leaves to the guest, at most `memory`. Defaults to all of `memory`."
        ),
    ] = None
    memory_backing: Annotated[
        MemoryBacking | None,
        At("memoryBacking"),
        Field(description="What that memory is made of on the host. Defaults to pages as the host has them."),
    ] = None
    memtune: Annotated[
        Memtune | None, At("memtune"), Field(description="Limits of memory. Defaults to none.")
    ] = None
    numatune: Annotated[
        Numatune | None,
        At("numatune"),
        Field(description="From which NUMA nodes of the host the memory comes. Defaults to any."),
    ] = None
    vcpus: Annotated[
        Vcpus | None,
        At("vcpu"),
        Field(description="Virtual processors. Defaults to 1 for a new domain."),
    ] = None
    cpu: Annotated[
        Cpu | None, At("cpu"), Field(description="The processor the guest sees. Defaults to the host's own.")
    ] = None
    cputune: Annotated[
        Cputune | None,
        At("cputune"),
        Field(
            description="Where its threads run on the host, and for how long. Defaults to anywhere, without limit."
        ),
    ] = None
    iothreads: Annotated[
        Iothreads | None, At(""), Field(description="Threads that serve disks. Defaults to none.")
    ] = None
    blkiotune: Annotated[
        Blkiotune | None,
        At("blkiotune"),
        Field(description="What it may take of the host's disks. Defaults to its share."),
    ] = None
    partition: Annotated[
        str | None,
        At("resource/partition"),
        Field(
            pattern="^/",
            description='Path of a cgroup, such as "/production" (the host\'s /machine must have it): limits that guests have '
            'together. Defaults to "/machine".',
        ),
    ] = None
