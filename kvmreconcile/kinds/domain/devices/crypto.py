"""
Crypto devices, which perform the guest's cryptography on the host.

libvirt cannot attach or detach crypto devices while a guest runs.
Source: https://libvirt.org/formatdomain.html#crypto
"""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import is_card
from kvmreconcile.kinds.domain.section import HostPart, Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Rules, Table, UnsupportedSetting


class Crypto(Element):
    """A virtio crypto device."""

    model: Annotated[
        Literal["virtio"], At("@model"), Field(description='Model of the device. Defaults to "virtio".')
    ] = "virtio"
    type: Annotated[
        Literal["qemu"],
        At("@type"),
        Field(description='Backend process. Defaults to "qemu".'),
    ] = "qemu"
    backend: Annotated[
        Literal["builtin", "lkcf"],
        At("backend/@model"),
        Field(
            description=(
                'Implementation: "builtin" is QEMU\'s crypto library, "lkcf" is the crypto '
                'framework of the host\'s kernel. Defaults to "builtin".'
            )
        ),
    ] = "builtin"
    queues: Annotated[
        int | None,
        At("backend/@queues", WHOLE),
        Field(ge=1, description="Number of virtqueues. Defaults to QEMU's choice."),
    ] = None


class CryptoFields(Spec):
    """Field of Domain for crypto devices."""

    crypto: Annotated[
        Crypto | list[Crypto] | None,
        At("devices/crypto"),
        Field(
            description="A crypto device (virtio-crypto), or a list of them; requires libvirt 9.1. A change takes effect at the guest's next start. Defaults to none."
        ),
    ] = None


SECTION = Section(
    CryptoFields,
    Rules(
        unsupported=Table(
            {
                "": (
                    UnsupportedSetting(
                        when=lambda _crypto, _beside: True,
                        what="a crypto device",
                        todo="remove it from the spec, or upgrade libvirt",
                        until=(9, 1, 0),
                        source="https://libvirt.org/news.html#v9-1-0-2023-03-01",
                    ),
                )
            }
        )
    ).below("devices/crypto"),
    host_parts=(
        HostPart(
            "devices/crypto/backend/@model",
            "lkcf",
            "devices/crypto",
            "backendModel",
            "QEMU's crypto backend lkcf",
            'install a QEMU version with this backend, or set "backend: builtin"',
        ),
    ),
    takes_port={"crypto": is_card},
)
