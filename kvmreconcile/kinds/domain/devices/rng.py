"""Random number generators."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_port, is_card
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import WHOLE, Bytes, Switch
from kvmreconcile.schema.element import Element, of_fields
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import AbsolutePath, Size
from kvmreconcile.tree import Reset, Rules, Table

RNG = '<rng model="virtio"><backend model="random">/dev/urandom</backend></rng>'


class Rate(Spec):
    """Rate limit of random data."""

    bytes: Annotated[
        Size,
        At("@bytes", Bytes("B", beside="")),
        Field(description="Amount of data per period, such as 1KiB."),
    ]
    period: Annotated[
        int | None,
        At("@period", WHOLE),
        Field(ge=1, description="Period in milliseconds. Defaults to 1000."),
    ] = None


class Rng(Element):
    """A random number generator for the guest."""

    model: Annotated[
        Literal["virtio", "virtio-transitional", "virtio-non-transitional"],
        At("@model"),
        Field(description='Model. Defaults to "virtio".'),
    ] = "virtio"
    backend: Annotated[
        Literal["random", "builtin"],
        At("backend/@model"),
        Field(
            description=(
                'Backend: "random" reads `device`, "builtin" calls getrandom() of the host. Defaults to '
                '"random".'
            )
        ),
    ] = "random"
    device: Annotated[
        AbsolutePath | None,
        At("backend"),
        Field(description='Device that "random" reads, such as "/dev/hwrng". Defaults to "/dev/random".'),
    ] = None
    rate: Annotated[
        Rate | None,
        At("rate"),
        Field(description="Rate limit. Defaults to none."),
    ] = None

    @model_validator(mode="after")
    @of_fields
    def _check(self) -> "Rng":
        if self.backend == "builtin" and self.device:
            raise ValueError(
                'the backend "builtin" does not use a "device"; remove "device", or set "backend: random"'
            )
        return self


class RngFields(Spec):
    """Field of Domain for random number generators."""

    rng: Annotated[
        bool | Rng | list[Rng] | None,
        At("devices/rng", Switch(RNG)),
        Field(
            description="A random number generator (virtio-rng), or a list of them. Defaults to true for a new domain."
        ),
    ] = None


SECTION = Section(
    RngFields,
    Rules(
        implied=Table({"backend/protocol/@type": "raw"}),
        resets=Table({"": (Reset("backend/@model", ()),)}),
        actions=Table({"": attach_and_detach(has_port)}),
    ).below("devices/rng"),
    takes_port={"rng": is_card},
)
