"""Graphical consoles, such as VNC and SPICE."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import update_device
from kvmreconcile.kinds.domain.members import complete_list, shared_list
from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE, YES_NO, Text
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath
from kvmreconcile.tree import Automatic, CreationDefaults, Reset, Rules, Table, parse, paths

_VNC_PASSWORD = 8

Port = Annotated[int, Field(ge=1, le=65535)]

Channel = Literal["main", "display", "inputs", "cursor", "playback", "record", "smartcard", "usbredir"]

_SPICE = frozenset(
    {
        "tls_port", "default_mode", "channels", "image_compression", "jpeg_compression", "zlib_compression",
        "playback_compression", "streaming_mode", "clipboard", "file_transfer", "mouse_mode",
    }
)  # fmt: skip

_VNC = frozenset({"websocket", "share_policy", "power_control"})


class Graphics(Element):
    """A graphical console."""

    type: Annotated[
        Literal["vnc", "spice", "egl-headless", "dbus"],
        At("@type"),
        Field(
            description='Protocol. "egl-headless" adds 3D acceleration by the host\'s GPU to a console that has none itself.'
        ),
    ]
    listen: Annotated[
        str | None,
        At("@listen"),
        Field(min_length=1, description='Address to listen on. Defaults to "127.0.0.1".'),
    ] = None
    port: Annotated[
        Port | None, At("@port", WHOLE), Field(description="TCP port. Defaults to a free one at each start.")
    ] = None
    tls_port: Annotated[
        Port | None,
        At("@tlsPort", WHOLE),
        Field(
            description="TCP port of SPICE for TLS, which `spice_tls` in the host's qemu.conf must enable. Defaults to a free one at each start, if TLS is enabled."
        ),
    ] = None
    autoport: Annotated[
        bool | None,
        At("@autoport", YES_NO),
        Field(description="Use a free port at each start. Defaults to true unless `port` is set."),
    ] = None
    websocket: Annotated[
        Port | None,
        At("@websocket", WHOLE),
        Field(description="TCP port of VNC for WebSocket clients (browsers). Defaults to none."),
    ] = None
    socket: Annotated[
        AbsolutePath | None,
        At("@socket"),
        Field(description="Path of a UNIX socket to listen on instead of a port. Defaults to none."),
    ] = None
    password: Annotated[
        SecretStr | None,
        At("@passwd", Text()),
        Field(
            description="Password for connections, at most 8 characters for VNC. It is never shown. Defaults to none.",
        ),
    ] = None
    connected: Annotated[
        Literal["keep", "disconnect", "fail"] | None,
        At("@connected"),
        Field(
            description="What happens to connected clients when the password changes. Defaults to QEMU's choice."
        ),
    ] = None
    keymap: Annotated[
        str | None,
        At("@keymap"),
        Field(
            min_length=1,
            description='Keyboard layout, such as "de", for clients that do not send one. Defaults to none.',
        ),
    ] = None
    share_policy: Annotated[
        Literal["allow-exclusive", "force-shared", "ignore"] | None,
        At("@sharePolicy"),
        Field(description="Whether a VNC client may request exclusive access. Defaults to allowing it."),
    ] = None
    power_control: Annotated[
        bool | None,
        At("@powerControl", YES_NO),
        Field(description="Allow VNC clients to shut down, reboot and reset the guest. Defaults to false."),
    ] = None
    default_mode: Annotated[
        Literal["any", "secure", "insecure"] | None,
        At("@defaultMode"),
        Field(
            description='Security of SPICE channels; "secure" requires TLS for all of them. Defaults to "any".'
        ),
    ] = None
    channels: Annotated[
        dict[Channel, Literal["any", "secure", "insecure"]] | None,
        At("channel", Pairs("@name", "@mode")),
        Field(
            description="Security of single SPICE channels, such as {main: secure}. Defaults to `defaultMode`."
        ),
    ] = None
    image_compression: Annotated[
        Literal["auto_glz", "auto_lz", "quic", "glz", "lz", "off"] | None,
        At("image/@compression"),
        Field(description='Image compression of SPICE. Defaults to "auto_glz".'),
    ] = None
    jpeg_compression: Annotated[
        Literal["auto", "never", "always"] | None,
        At("jpeg/@compression"),
        Field(description='Lossy JPEG compression by SPICE for slow connections. Defaults to "auto".'),
    ] = None
    zlib_compression: Annotated[
        Literal["auto", "never", "always"] | None,
        At("zlib/@compression"),
        Field(description='Additional zlib compression by SPICE for slow connections. Defaults to "auto".'),
    ] = None
    playback_compression: Annotated[
        bool | None,
        At("playback/@compression", ON_OFF),
        Field(description="Audio compression by SPICE. Defaults to true."),
    ] = None
    streaming_mode: Annotated[
        Literal["filter", "all", "off"] | None,
        At("streaming/@mode"),
        Field(
            description='Regions of the screen that SPICE sends as video streams. Defaults to "filter", those that look like video.'
        ),
    ] = None
    clipboard: Annotated[
        bool | None,
        At("clipboard/@copypaste", YES_NO),
        Field(
            description="Copy and paste between the guest and the client; needs `spiceAgent`. Defaults to true."
        ),
    ] = None
    file_transfer: Annotated[
        bool | None,
        At("filetransfer/@enable", YES_NO),
        Field(
            description="File transfer from the client to the guest; needs `spiceAgent`. Defaults to true."
        ),
    ] = None
    mouse_mode: Annotated[
        Literal["client", "server"] | None,
        At("mouse/@mode"),
        Field(
            description='Mouse mode of SPICE: whether the client or the guest controls the pointer. Defaults to "client" if the guest supports it.'
        ),
    ] = None
    gl: Annotated[
        bool | None,
        At("gl/@enable", YES_NO),
        Field(description="Render with the host's GPU; SPICE then listens on no port. Defaults to false."),
    ] = None
    rendernode: Annotated[
        AbsolutePath | None,
        At("gl/@rendernode"),
        Field(
            description='Render node of the GPU, such as "/dev/dri/renderD128". Defaults to the first one.'
        ),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Graphics":
        said = self.model_fields_set
        for kind, names in (("spice", _SPICE), ("vnc", _VNC)):
            wrong = [
                type(self).model_fields[name].alias for name in sorted(said & names) if self.type != kind
            ]
            if wrong:
                raise ValueError(f'"{wrong[0]}" is valid for type {kind} only; remove it')
        if self.type == "vnc" and self.password and len(self.password.get_secret_value()) > _VNC_PASSWORD:
            raise ValueError(f"a VNC password has at most {_VNC_PASSWORD} characters")
        return self


class GraphicsFields(Spec):
    """The field of graphical consoles."""

    graphics: Annotated[
        list[Graphics] | None,
        At("devices/graphics"),
        Field(description="Graphical consoles, such as VNC or SPICE. Defaults to none."),
    ] = None


_SOURCE = "https://libvirt.org/formatdomain.html#graphical-framebuffers"
_PORTS = (
    *(Automatic(port, "-1", source=_SOURCE) for port in ("@port", "@tlsPort", "@websocket")),
    *(Automatic(port, when=(("@autoport", "yes"),), source=_SOURCE) for port in ("@port", "@tlsPort")),
)
# Without a port no client could connect.
_DEFAULTS = (
    CreationDefaults(parse("<graphics/>"), (("listen/@type", "socket"),)),
    *(
        CreationDefaults(
            parse('<graphics autoport="yes"/>'), (("@type", kind), ("@port", None), ("@tlsPort", None))
        )
        for kind in ("vnc", "spice")
    ),
)
SECTION = Section(
    GraphicsFields,
    Rules(
        members=Table(
            {
                "": shared_list(("@type",)),
                "listen": complete_list(("@type", "@address"), ("@type", "@network"), ("@type", "@socket")),
                "channel": shared_list(("@name",)),
            }
        ),
        implied=Table({"@autoport": "no"}),
        resets=Table({"": (Reset("@listen", ("listen",)), Reset("@autoport", ("@port",)))}),
        automatic=Table(
            {"": _PORTS, "listen": (Automatic("@address", when=(("@type", "network"),), source=_SOURCE),)}
        ),
        # `virDomainGraphicsListenDefParseXML`
        copies=Table({"@listen": "listen/@address", "@socket": "listen/@socket"}),
        secrets=paths("@passwd"),
        creation_defaults=Table({"": _DEFAULTS}),
        actions=Table(
            {
                # QEMU accepts a new password only if the guest was started with one.
                "@passwd": update_device(on="~"),
                "@passwdValidTo": update_device(),
                "@connected": update_device(),
            }
        ),
    ).below("devices/graphics"),
    host_parts=(
        HostPart(
            "devices/graphics/@type",
            "spice",
            "devices/graphics",
            "type",
            "QEMU's SPICE server",
            "install it (Debian 13: qemu-system-modules-spice), or remove SPICE from the guest",
        ),
    ),
    kept=("devices/graphics", "devices/graphics/@type"),
)
