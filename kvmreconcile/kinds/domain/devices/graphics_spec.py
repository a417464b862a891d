"""Fields of a graphical console."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from kvmreconcile.schema.codecs import ON_OFF, WHOLE, YES_NO, Text
from kvmreconcile.schema.collections import Pairs
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath

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
    """A graphical console for remote viewers."""

    type: Annotated[
        Literal["vnc", "spice", "egl-headless", "dbus"],
        At("@type"),
        Field(
            description=(
                'Protocol. "egl-headless" adds 3D acceleration by the host\'s graphics card to '
                "another console that lacks it."
            )
        ),
    ]
    listen: Annotated[
        str | None,
        At("@listen"),
        Field(min_length=1, description='Address to listen on. Defaults to "127.0.0.1".'),
    ] = None
    port: Annotated[
        Port | None,
        At("@port", WHOLE),
        Field(description="TCP port. Defaults to a free port, chosen at each start."),
    ] = None
    tls_port: Annotated[
        Port | None,
        At("@tlsPort", WHOLE),
        Field(
            description=(
                "TCP port of SPICE for TLS connections, which requires `spice_tls` in the host's qemu.conf. "
                "Defaults to a free port at each start if the host allows TLS."
            )
        ),
    ] = None
    autoport: Annotated[
        bool | None,
        At("@autoport", YES_NO),
        Field(
            description="Whether a free port is chosen at each start. Defaults to true unless `port` is set."
        ),
    ] = None
    websocket: Annotated[
        Port | None,
        At("@websocket", WHOLE),
        Field(description="TCP port of VNC for browsers (WebSocket). Defaults to none."),
    ] = None
    socket: Annotated[
        AbsolutePath | None,
        At("@socket"),
        Field(description="UNIX socket to listen on in place of a TCP port. Defaults to none."),
    ] = None
    password: Annotated[
        SecretStr | None,
        At("@passwd", Text()),
        Field(
            description="Password for connections; at most 8 characters for VNC. Never displayed. Defaults to none.",
        ),
    ] = None
    connected: Annotated[
        Literal["keep", "disconnect", "fail"] | None,
        At("@connected"),
        Field(
            description="What happens to connected viewers when the password changes. Defaults to QEMU's choice."
        ),
    ] = None
    keymap: Annotated[
        str | None,
        At("@keymap"),
        Field(
            min_length=1,
            description='Keyboard layout for viewers that do not send one, such as "de". Defaults to none.',
        ),
    ] = None
    share_policy: Annotated[
        Literal["allow-exclusive", "force-shared", "ignore"] | None,
        At("@sharePolicy"),
        Field(
            description="Whether a VNC viewer can request exclusive access. Defaults to QEMU's choice, which allows it."
        ),
    ] = None
    power_control: Annotated[
        bool | None,
        At("@powerControl", YES_NO),
        Field(description="Whether VNC viewers can power the guest off and reset it. Defaults to false."),
    ] = None
    default_mode: Annotated[
        Literal["any", "secure", "insecure"] | None,
        At("@defaultMode"),
        Field(
            description=(
                'Default TLS mode of SPICE channels: "secure" requires TLS, "insecure" forbids it, "any" '
                'allows both. Defaults to "any".'
            )
        ),
    ] = None
    channels: Annotated[
        dict[Channel, Literal["any", "secure", "insecure"]] | None,
        At("channel", Pairs("@name", "@mode")),
        Field(
            description="TLS mode of individual SPICE channels, such as {main: secure}. Defaults to `defaultMode`."
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
        Field(description='JPEG compression of SPICE on slow connections. Defaults to "auto".'),
    ] = None
    zlib_compression: Annotated[
        Literal["auto", "never", "always"] | None,
        At("zlib/@compression"),
        Field(description='Zlib compression of SPICE on slow connections. Defaults to "auto".'),
    ] = None
    playback_compression: Annotated[
        bool | None,
        At("playback/@compression", ON_OFF),
        Field(description="Whether SPICE compresses sound. Defaults to true."),
    ] = None
    streaming_mode: Annotated[
        Literal["filter", "all", "off"] | None,
        At("streaming/@mode"),
        Field(
            description=(
                'Which regions of the screen SPICE streams as video. Defaults to "filter": regions '
                "that are probably video."
            )
        ),
    ] = None
    clipboard: Annotated[
        bool | None,
        At("clipboard/@copypaste", YES_NO),
        Field(
            description="Whether guest and viewer share the clipboard; requires `spiceAgent`. Defaults to true."
        ),
    ] = None
    file_transfer: Annotated[
        bool | None,
        At("filetransfer/@enable", YES_NO),
        Field(
            description="Whether viewers can transfer files to the guest; requires `spiceAgent`. Defaults to true."
        ),
    ] = None
    mouse_mode: Annotated[
        Literal["client", "server"] | None,
        At("mouse/@mode"),
        Field(
            description=(
                'Whether the guest ("server") or the viewer ("client") controls the pointer. '
                'Defaults to "client" if the guest supports it.'
            )
        ),
    ] = None
    gl: Annotated[
        bool | None,
        At("gl/@enable", YES_NO),
        Field(
            description=(
                "Whether the host's graphics card renders the screen; SPICE then listens on no port. Defaults to "
                "false."
            )
        ),
    ] = None
    rendernode: Annotated[
        AbsolutePath | None,
        At("gl/@rendernode"),
        Field(
            description=(
                'Render node of the graphics card, such as "/dev/dri/renderD128". Defaults to the first '
                "render node."
            )
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
