"""What users write of the frames of an interface: how fast, with which tags, and who cuts them up. Separate from what it hangs on."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ON_OFF, WHOLE, YES_NO, Bytes
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.schema.values import Size

_SPEED = Bytes("KB", beside="")


class Flow(Spec):
    """Limits of one direction."""

    average: Annotated[
        Size | None,
        At("@average", _SPEED),
        Field(description="How much in a second, in the long run; 125MB is a gigabit. Defaults to no limit."),
    ] = None
    peak: Annotated[
        Size | None,
        At("@peak", _SPEED),
        Field(description="How much in a second while a burst lasts. Defaults to no limit."),
    ] = None
    burst: Annotated[
        Size | None,
        At("@burst", Bytes("KiB", beside="")),
        Field(description="How much may go through at `peak`. Defaults to the kernel's choice."),
    ] = None


class Inbound(Flow):
    """Limits of what the guest receives."""

    floor: Annotated[
        Size | None,
        At("@floor", _SPEED),
        Field(
            description="How much in a second it has in any case, on a libvirt network that limits its inbound traffic. "
            "Defaults to none."
        ),
    ] = None


class Bandwidth(Spec):
    """How much traffic an interface takes."""

    inbound: Annotated[
        Inbound | None, At("inbound"), Field(description="What the guest receives. Defaults to no limit.")
    ] = None
    outbound: Annotated[
        Flow | None, At("outbound"), Field(description="What the guest sends. Defaults to no limit.")
    ] = None


class Tag(Shorthand):
    """A VLAN; a bare number is short for `id`."""

    short: ClassVar[str] = "id"

    id: Annotated[int, At("@id", WHOLE), Field(ge=0, le=4095, description="0 to 4095. Its number.")]
    native_mode: Annotated[
        Literal["tagged", "untagged"] | None,
        At("@nativeMode"),
        Field(description="Make it the one for frames without a tag, on Open vSwitch. Defaults to neither."),
    ] = None


class Vlan(Shorthand):
    """Tags of frames; a bare list is short for `tags`."""

    short: ClassVar[str] = "tags"

    tags: Annotated[
        list[Tag],
        At("tag"),
        Field(
            min_length=1, description="The VLANs; with one of them the guest itself sees no tags. Complete."
        ),
    ]
    trunk: Annotated[
        bool | None,
        At("@trunk", YES_NO),
        Field(description="Let tagged frames through to the guest. Defaults to true with several tags."),
    ] = None


class Virtualport(Spec):
    """What the switch that an interface hangs on is told about it."""

    type: Annotated[
        Literal["openvswitch", "802.1Qbg", "802.1Qbh", "midonet"] | None,
        At("@type"),
        Field(description="The kind of switch. Defaults to that of the network."),
    ] = None
    interface_id: Annotated[
        str | None,
        At("parameters/@interfaceid"),
        Field(
            min_length=1,
            description="UUID of the port, on Open vSwitch and MidoNet. Defaults to one that libvirt makes.",
        ),
    ] = None
    profile_id: Annotated[
        str | None,
        At("parameters/@profileid"),
        Field(min_length=1, description="The switch's profile for the port. Defaults to none."),
    ] = None
    manager_id: Annotated[
        int | None,
        At("parameters/@managerid", WHOLE),
        Field(ge=0, le=255, description="VSI manager, with 802.1Qbg. Defaults to none."),
    ] = None
    type_id: Annotated[
        int | None,
        At("parameters/@typeid", WHOLE),
        Field(ge=0, description="VSI type, with 802.1Qbg. Defaults to none."),
    ] = None
    type_id_version: Annotated[
        int | None,
        At("parameters/@typeidversion", WHOLE),
        Field(ge=0, le=255, description="Version of the VSI type. Defaults to none."),
    ] = None
    instance_id: Annotated[
        str | None,
        At("parameters/@instanceid"),
        Field(min_length=1, description="UUID of the VSI instance. Defaults to one that libvirt makes."),
    ] = None


class GuestOffloads(Spec):
    """Which work on frames the guest need not do on those it receives."""

    csum: Annotated[bool | None, At("@csum", ON_OFF), Field(description="Checksums. Defaults to true.")] = (
        None
    )
    tso4: Annotated[
        bool | None, At("@tso4", ON_OFF), Field(description="Cutting up TCP over IPv4. Defaults to true.")
    ] = None
    tso6: Annotated[
        bool | None, At("@tso6", ON_OFF), Field(description="Cutting up TCP over IPv6. Defaults to true.")
    ] = None
    ecn: Annotated[
        bool | None,
        At("@ecn", ON_OFF),
        Field(description="Congestion notices while cutting up. Defaults to true."),
    ] = None
    ufo: Annotated[
        bool | None, At("@ufo", ON_OFF), Field(description="Cutting up UDP. Defaults to true.")
    ] = None


class HostOffloads(GuestOffloads):
    """Which work on frames the guest may leave to the host for those it sends."""

    gso: Annotated[
        bool | None, At("@gso", ON_OFF), Field(description="Cutting up of any kind. Defaults to true.")
    ] = None
    mrg_rxbuf: Annotated[
        bool | None,
        At("@mrg_rxbuf", ON_OFF),
        Field(description="Receive buffers that are merged. Defaults to true."),
    ] = None


class Offloads(Spec):
    """Who cuts up frames and adds up checksums; turn some off where a guest or a capture sees broken frames."""

    host: Annotated[
        HostOffloads | None, At("host"), Field(description="For what the guest sends. Defaults to all.")
    ] = None
    guest: Annotated[
        GuestOffloads | None, At("guest"), Field(description="For what it receives. Defaults to all.")
    ] = None
