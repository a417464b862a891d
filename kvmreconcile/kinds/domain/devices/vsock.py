"""Sockets between guest and host (vsock)."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_port, is_card
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import ElementBuilder
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.shorthand import Shorthand
from kvmreconcile.tree import Automatic, Identity, Node, Rules, Table
from kvmreconcile.tree.scalars import whole


@dataclass(frozen=True, slots=True)
class Cid:
    """The context ID of a vsock: "auto", or a number."""

    def put(self, draft: ElementBuilder, path: str, value: Any) -> None:
        """Write a value at a path."""
        draft.put(f"{path}/@auto", "yes" if value == "auto" else "no")
        if value != "auto":
            draft.put(f"{path}/@address", str(value))

    def take(self, node: Node, path: str) -> tuple[Any, tuple[str, ...]]:
        """Return the CID at a path, and the paths of its parts; None if the value is not a CID."""
        if node.get(f"{path}/@auto") == "yes":
            return "auto", (f"{path}/@auto",)
        address = whole(node.get(f"{path}/@address") or "")
        return (address, (f"{path}/@auto", f"{path}/@address")) if address is not None else (None, ())


CID = Cid()


class Vsock(Shorthand, Element):
    """Sockets between guest and host without a network. A plain number or "auto" is short for `cid`."""

    short: ClassVar[str] = "cid"

    cid: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=3, le=4294967294)],
        At("cid", CID),
        Field(
            description=(
                'Context ID (CID) of the guest, 3 or more, unique on the host. "auto" chooses a free '
                "CID at each start."
            )
        ),
    ]
    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional"] | None,
        At("@model"),
        Field(description='Model. Defaults to "virtio".'),
    ] = None


class VsockFields(Spec):
    """Field of Domain for sockets between guest and host."""

    vsock: Annotated[
        Vsock | None,
        At("devices/vsock"),
        Field(description="Sockets between guest and host that need no network (vsock). Defaults to none."),
    ] = None


def _has_cid(vsock: Node) -> bool:
    """Return whether a vsock has a fixed CID."""
    return vsock.get("cid/@auto") != "yes"


SECTION = Section(
    VsockFields,
    Rules(
        automatic=Table(
            {
                "cid": (
                    Automatic(
                        "@address",
                        when=(("@auto", "yes"),),
                        source="https://libvirt.org/formatdomain.html#vsock",
                    ),
                )
            }
        ),
        identities=Table({"": (Identity("vsock CID", ("cid/@address",), when=_has_cid),)}),
        actions=Table({"": attach_and_detach(has_port)}),
    ).below("devices/vsock"),
    takes_port={"vsock": is_card},
)
