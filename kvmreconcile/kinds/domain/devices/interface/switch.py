"""Fields of an interface's port on a switch: VLANs and parameters."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, YES_NO
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand


class Tag(Shorthand):
    """A VLAN tag. A plain number is short for `id`."""

    short: ClassVar[str] = "id"

    id: Annotated[int, At("@id", WHOLE), Field(ge=0, le=4095, description="VLAN number, 0 to 4095.")]
    native_mode: Annotated[
        Literal["tagged", "untagged"] | None,
        At("@nativeMode"),
        Field(
            description=(
                "Makes this the native VLAN of an Open vSwitch port, and determines whether its "
                "frames are sent tagged or untagged. Defaults to a VLAN that is not native."
            )
        ),
    ] = None


class Vlan(Shorthand):
    """VLAN tags. A plain list is short for `tags`."""

    short: ClassVar[str] = "tags"

    tags: Annotated[
        list[Tag],
        At("tag"),
        Field(
            min_length=1,
            description=(
                "VLANs of the interface. The list is complete: unlisted VLANs are removed. With one "
                "VLAN, the guest sees untagged frames."
            ),
        ),
    ]
    trunk: Annotated[
        bool | None,
        At("@trunk", YES_NO),
        Field(
            description="Whether tagged frames are passed to the guest. Defaults to true if there are several tags."
        ),
    ] = None


class Virtualport(Spec):
    """Parameters of the switch port to which an interface is connected."""

    type: Annotated[
        Literal["openvswitch", "802.1Qbg", "802.1Qbh", "midonet"] | None,
        At("@type"),
        Field(description="Type of the switch. Defaults to the type of the network."),
    ] = None
    interface_id: Annotated[
        str | None,
        At("parameters/@interfaceid"),
        Field(
            min_length=1,
            description="UUID of the port, for Open vSwitch and MidoNet. Defaults to a UUID that libvirt generates.",
        ),
    ] = None
    profile_id: Annotated[
        str | None,
        At("parameters/@profileid"),
        Field(min_length=1, description="Profile of the port in the switch. Defaults to none."),
    ] = None
    manager_id: Annotated[
        int | None,
        At("parameters/@managerid", WHOLE),
        Field(ge=0, le=255, description="VSI manager ID, for 802.1Qbg. Defaults to none."),
    ] = None
    type_id: Annotated[
        int | None,
        At("parameters/@typeid", WHOLE),
        Field(ge=0, description="VSI type ID, for 802.1Qbg. Defaults to none."),
    ] = None
    type_id_version: Annotated[
        int | None,
        At("parameters/@typeidversion", WHOLE),
        Field(ge=0, le=255, description="VSI type version, for 802.1Qbg. Defaults to none."),
    ] = None
    instance_id: Annotated[
        str | None,
        At("parameters/@instanceid"),
        Field(
            min_length=1, description="UUID of the VSI instance. Defaults to a UUID that libvirt generates."
        ),
    ] = None
