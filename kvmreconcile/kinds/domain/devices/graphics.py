"""Graphical consoles for remote viewers."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.graphics_spec import Graphics
from kvmreconcile.kinds.domain.devices.hotplug import update_device
from kvmreconcile.kinds.domain.member_keys import complete_list, shared_list
from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Automatic, CreationDefaults, Reset, Rules, Table, parse, paths


class GraphicsFields(Spec):
    """Field of Domain for graphical consoles."""

    graphics: Annotated[
        list[Graphics] | None,
        At("devices/graphics"),
        Field(description="Graphical consoles. Defaults to none."),
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
            "install it (Debian 13: qemu-system-modules-spice), or remove SPICE from the spec",
        ),
    ),
    kept=("devices/graphics", "devices/graphics/@type"),
)
