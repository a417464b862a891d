"""What users write of a guest's other devices. Separate from the domain's own fields, of which these are parts."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.parts.codecs import CID
from kvmreconcile.kinds.domain.parts.naming import DeviceAlias
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, PRESENT, WHOLE, Bytes
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import AbsolutePath, Size


class Watchdog(Element):
    """A watchdog card, which acts when the guest stops feeding it."""

    model: Annotated[
        Literal["i6300esb", "ib700", "itco", "diag288"],
        At("@model"),
        Field(description="The device that the guest sees."),
    ]
    action: Annotated[
        Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None,
        At("@action"),
        Field(description='What happens to a guest that hangs. Defaults to "reset".'),
    ] = None


class Filesystem(Element):
    """A directory of the host that the guest can mount."""

    name: DeviceAlias = None
    source: Annotated[
        AbsolutePath,
        At("source/@dir", also=(("@type", "mount"),)),
        Field(description="The host's directory."),
    ]
    target: Annotated[
        str, At("target/@dir"), Field(min_length=1, description="The tag by which the guest mounts it.")
    ]
    driver: Annotated[
        Literal["path", "handle", "virtiofs"] | None,
        At("driver/@type"),
        Field(
            description='"path" is 9p, which every guest can have; "virtiofs" is much quicker and needs memory that is '
            'shared (`memoryBacking`). Defaults to "path".'
        ),
    ] = None
    queue: Annotated[
        int | None,
        At("driver/@queue", WHOLE),
        Field(
            ge=1, description="Requests of virtiofs that may wait, a power of 2. Defaults to QEMU's choice."
        ),
    ] = None
    cache: Annotated[
        Literal["none", "always"] | None,
        At("binary/cache/@mode"),
        Field(
            description="Whether virtiofs relies on nobody else changing the files. Defaults to its own choice."
        ),
    ] = None
    access_mode: Annotated[
        Literal["passthrough", "mapped", "squash"] | None,
        At("@accessmode"),
        Field(description="Whose rights count. Defaults to libvirt's choice."),
    ] = None
    readonly: Annotated[
        bool | None,
        At("readonly", PRESENT),
        Field(description="The guest cannot write to it. Defaults to false."),
    ] = None


class Memballoon(Shorthand, Element):
    """The balloon by which memory is lent back to the host; a bare word is short for `model`."""

    short: ClassVar[str] = "model"

    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional", "none"] | None,
        At("@model"),
        Field(description='The device, or "none". Defaults to libvirt\'s choice.'),
    ] = None
    autodeflate: Annotated[
        bool | None,
        At("@autodeflate", ON_OFF),
        Field(
            description="Give memory back to a guest that would else kill its own processes. Defaults to false."
        ),
    ] = None
    free_page_reporting: Annotated[
        bool | None,
        At("@freePageReporting", ON_OFF),
        Field(
            description="Let the guest tell which memory it does not use, which the host then takes. Defaults to false."
        ),
    ] = None
    stats_period: Annotated[
        int | None,
        At("stats/@period", WHOLE),
        Field(ge=1, description="Seconds between what the guest tells of its memory. Defaults to never."),
    ] = None


class Sound(Shorthand, Element):
    """A sound card; a plain text is short for `model`."""

    short: ClassVar[str] = "model"

    model: Annotated[
        str, At("@model"), Field(min_length=1, description='Model of the sound card, such as "ich9".')
    ]


class Rate(Spec):
    """How much a guest may take in a time."""

    bytes: Annotated[Size, At("@bytes", Bytes("B", beside="")), Field(description="How much, such as 1KiB.")]
    period: Annotated[
        int | None,
        At("@period", WHOLE),
        Field(ge=1, description="Milliseconds. In how long. Defaults to 1000."),
    ] = None


class Rng(Element):
    """Random numbers for the guest."""

    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional"],
        At("@model"),
        Field(description='The device. Defaults to "virtio".'),
    ] = "virtio"
    backend: Annotated[
        Literal["random", "builtin"],
        At("backend/@model"),
        Field(
            description='"random" reads `device`, "builtin" asks the host\'s kernel. Defaults to "random".'
        ),
    ] = "random"
    device: Annotated[
        AbsolutePath | None,
        At("backend"),
        Field(description='Where "random" reads, such as "/dev/hwrng". Defaults to "/dev/random".'),
    ] = None
    rate: Annotated[
        Rate | None,
        At("rate"),
        Field(description="How much the guest may have. Defaults to all it asks for."),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Rng":
        if self.backend == "builtin" and self.device:
            raise ValueError('the backend "builtin" reads no "device"; remove one of them')
        return self


class Vsock(Shorthand, Element):
    """Sockets between guest and host without a network; a bare number or "auto" is short for `cid`."""

    short: ClassVar[str] = "cid"

    cid: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=3, le=4294967294)],
        At("cid", CID),
        Field(
            description='The guest\'s address, 3 or more, no two guests the same; "auto" takes a free one at each start.'
        ),
    ]
    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None,
        At("@model"),
        Field(description='The device. Defaults to "virtio".'),
    ] = None


class Shmem(Element):
    """Memory that guests and processes of the host share."""

    name: Annotated[
        str,
        At("@name"),
        Field(min_length=1, pattern="^[^/]+$", description="Its name on the host, below /dev/shm."),
    ]
    model: Annotated[
        Literal["ivshmem-plain", "ivshmem-doorbell"],
        At("model/@type"),
        Field(description='"ivshmem-doorbell" can ring, by a `server`; "ivshmem-plain" is memory alone.'),
    ]
    size: Annotated[
        Size | None,
        At("size", Bytes("M")),
        Field(
            description="How much, a power of 2 of MiB. Defaults to 4MiB, and with a `server` to what that says."
        ),
    ] = None
    role: Annotated[
        Literal["peer", "master"] | None,
        At("@role"),
        Field(description='Whether it moves along with the guest: "master" does. Defaults to "master".'),
    ] = None
    server: Annotated[
        AbsolutePath | None,
        At("server/@path"),
        Field(description="Socket of the server that rings. Defaults to none."),
    ] = None
