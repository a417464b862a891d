"""What users write of a guest's other devices. Separate from the domain's own fields, of which these are parts."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from kvmreconcile.kinds.codecs import PRESENT, WHOLE, YES_NO, Text
from kvmreconcile.kinds.domain.parts.naming import DeviceAlias
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import AbsolutePath

_VNC_PASSWORD = 8


class Graphics(Spec):
    """A screen that can be watched from afar."""

    type: Annotated[Literal["vnc", "spice"], At("@type"), Field(description="The protocol.")]
    listen: Annotated[
        str | None,
        At("@listen"),
        Field(min_length=1, description='Address to listen on. Defaults to "127.0.0.1".'),
    ] = None
    port: Annotated[
        int | None,
        At("@port", WHOLE),
        Field(ge=1, le=65535, description="TCP port. Defaults to a free one at each start."),
    ] = None
    autoport: Annotated[
        bool | None,
        At("@autoport", YES_NO),
        Field(description="Take a free port at each start. Defaults to true unless `port` is given."),
    ] = None
    password: Annotated[
        SecretStr | None,
        At("@passwd", Text()),
        Field(
            description="Password to connect with, at most 8 characters for VNC; never shown. Defaults to none.",
        ),
    ] = None

    @model_validator(mode="after")
    def _check(self) -> "Graphics":
        if self.type == "vnc" and self.password and len(self.password.get_secret_value()) > _VNC_PASSWORD:
            raise ValueError(f"VNC knows passwords of at most {_VNC_PASSWORD} characters")
        return self


class Video(Spec):
    """A graphics card."""

    model: Annotated[
        str, At("model/@type"), Field(min_length=1, description='"virtio", "qxl", "vga", "bochs", "none" …')
    ]
    heads: Annotated[
        int | None, At("model/@heads", WHOLE), Field(ge=1, description="Screens. Defaults to 1.")
    ] = None


class Tpm(Spec):
    """A trusted platform module."""

    model: Annotated[
        Literal["tpm-tis", "tpm-crb", "tpm-spapr"] | None,
        At("@model"),
        Field(description='What the guest sees. Defaults to "tpm-tis".'),
    ] = None
    type: Annotated[
        Literal["emulator", "passthrough"],
        At("backend/@type"),
        Field(description='Where it is. Defaults to "emulator".'),
    ] = "emulator"
    version: Annotated[
        Literal["1.2", "2.0"] | None,
        At("backend/@version"),
        Field(description='Version of an emulated one. Defaults to "2.0".'),
    ] = None


class Watchdog(Spec):
    """A watchdog card, which acts when the guest stops feeding it."""

    model: Annotated[
        Literal["i6300esb", "ib700", "itco", "diag288"],
        At("@model"),
        Field(description="The card the guest sees."),
    ]
    action: Annotated[
        Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None,
        At("@action"),
        Field(description='What happens to a guest that hangs. Defaults to "reset".'),
    ] = None


class Filesystem(Spec):
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
        Field(description='Defaults to "path" (9p).'),
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
