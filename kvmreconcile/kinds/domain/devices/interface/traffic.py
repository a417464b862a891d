"""Fields of an interface's traffic: rate limits and offloads."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import Size

_SPEED = Bytes("KB", beside="")


class Flow(Spec):
    """Rate limits of one direction."""

    average: Annotated[
        Size | None,
        At("@average", _SPEED),
        Field(description="Average rate per second; 125MB is one gigabit. Defaults to no limit."),
    ] = None
    peak: Annotated[
        Size | None,
        At("@peak", _SPEED),
        Field(description="Maximum rate per second during a burst. Defaults to no limit."),
    ] = None
    burst: Annotated[
        Size | None,
        At("@burst", Bytes("KiB", beside="")),
        Field(description="Amount that may be sent at `peak`. Defaults to the kernel's choice."),
    ] = None


class Inbound(Flow):
    """Limits of the traffic that the guest receives."""

    floor: Annotated[
        Size | None,
        At("@floor", _SPEED),
        Field(
            description=(
                "Guaranteed rate per second, on a libvirt network that limits its inbound traffic. Defaults to "
                "none."
            )
        ),
    ] = None


class Bandwidth(Spec):
    """Traffic limits of an interface."""

    inbound: Annotated[
        Inbound | None, At("inbound"), Field(description="Limits of received traffic. Defaults to no limit.")
    ] = None
    outbound: Annotated[
        Flow | None, At("outbound"), Field(description="Limits of sent traffic. Defaults to no limit.")
    ] = None


class GuestOffloads(Spec):
    """Offloads for frames that the guest receives."""

    csum: Annotated[
        bool | None, At("@csum", ON_OFF), Field(description="Checksum offload. Defaults to true.")
    ] = None
    tso4: Annotated[
        bool | None,
        At("@tso4", ON_OFF),
        Field(description="TCP segmentation offload for IPv4. Defaults to true."),
    ] = None
    tso6: Annotated[
        bool | None,
        At("@tso6", ON_OFF),
        Field(description="TCP segmentation offload for IPv6. Defaults to true."),
    ] = None
    ecn: Annotated[
        bool | None,
        At("@ecn", ON_OFF),
        Field(
            description="Explicit congestion notification (ECN) with segmentation offload. Defaults to true."
        ),
    ] = None
    ufo: Annotated[
        bool | None, At("@ufo", ON_OFF), Field(description="UDP fragmentation offload. Defaults to true.")
    ] = None


class HostOffloads(GuestOffloads):
    """Offloads for frames that the guest sends."""

    gso: Annotated[
        bool | None, At("@gso", ON_OFF), Field(description="Generic segmentation offload. Defaults to true.")
    ] = None
    mrg_rxbuf: Annotated[
        bool | None,
        At("@mrg_rxbuf", ON_OFF),
        Field(description="Mergeable receive buffers. Defaults to true."),
    ] = None


class Offloads(Spec):
    """Segmentation and checksum offloads. Disable them if a guest or a packet capture sees invalid frames."""

    host: Annotated[
        HostOffloads | None,
        At("host"),
        Field(description="Offloads for frames that the guest sends. Defaults to all."),
    ] = None
    guest: Annotated[
        GuestOffloads | None,
        At("guest"),
        Field(description="Offloads for frames that the guest receives. Defaults to all."),
    ] = None
