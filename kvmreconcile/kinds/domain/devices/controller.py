"""Controllers to which other devices are attached, and the ports of a new guest."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_value, needs_port
from kvmreconcile.kinds.domain.devices.naming import DeviceAlias
from kvmreconcile.kinds.domain.member_keys import ALIAS
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.spellings import INTEGER
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.model import Surroundings
from kvmreconcile.schema.codecs import ON_OFF, WHOLE
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Measure, Members, Node, Reset, Rules, Table, combined, make, paths


class Controller(Element):
    """A controller. Unlisted controllers are kept, and libvirt adds controllers that devices need."""

    name: DeviceAlias = None
    type: Annotated[
        Literal["pci", "scsi", "usb", "virtio-serial", "sata", "ide", "fdc", "ccid", "isa", "xenbus"],
        At("@type"),
        Field(description="Type of the bus."),
    ]
    index: Annotated[
        int | None,
        At("@index", WHOLE),
        Field(
            ge=0,
            description="Index among the controllers of the same type. Defaults to the lowest free index.",
        ),
    ] = None
    model: Annotated[
        str | None,
        At("@model"),
        Field(
            min_length=1,
            description='Model, such as "virtio-scsi", "qemu-xhci", "pcie-root-port". Defaults to libvirt\'s choice.',
        ),
    ] = None
    ports: Annotated[
        int | None,
        At("@ports", WHOLE),
        Field(
            ge=1,
            description="Number of ports of a virtio-serial or USB controller. Defaults to QEMU's choice.",
        ),
    ] = None
    queues: Annotated[
        int | None,
        At("driver/@queues", WHOLE),
        Field(
            ge=1,
            description="Number of queues of a virtio-scsi controller. Defaults to one per vCPU.",
        ),
    ] = None
    iothread: Annotated[
        int | None,
        At("driver/@iothread", WHOLE),
        Field(
            ge=1,
            description=(
                "ID of the I/O thread (`iothreads`) that serves a virtio-scsi controller. Defaults "
                "to the emulator's main thread."
            ),
        ),
    ] = None
    ioeventfd: Annotated[
        bool | None,
        At("driver/@ioeventfd", ON_OFF),
        Field(
            description=(
                "Whether I/O requests are processed outside the vCPU's thread (ioeventfd). Defaults to true."
            )
        ),
    ] = None
    hotplug: Annotated[
        bool | None,
        At("target/@hotplug", ON_OFF),
        Field(
            description="Whether devices can be attached to a PCI port while the guest runs. Defaults to true."
        ),
    ] = None
    node: Annotated[
        int | None,
        At("target/node", WHOLE),
        Field(
            ge=0, description="NUMA node of the guest to which a PCI expander bus belongs. Defaults to none."
        ),
    ] = None
    bus_nr: Annotated[
        int | None,
        At("target/@busNr", WHOLE),
        Field(
            ge=1,
            le=254,
            description="Bus number of a PCI expander bus in the guest. Defaults to libvirt's choice.",
        ),
    ] = None


class Hotplug(Spec):
    """Hot-plug capacity: free ports for devices that are attached later."""

    slots: Annotated[
        int,
        Field(
            ge=0,
            le=32,
            description=(
                "Number of PCI Express ports of a new guest. Each virtio disk, interface or other "
                "PCI device occupies one port. Devices can be attached later to the free ports. Used "
                "only when the domain is created, since ports cannot be added to a running guest. "
                "Defaults to 12."
            ),
        ),
    ] = 12


class ControllerFields(Spec):
    """Fields of Domain for controllers."""

    controllers: Annotated[
        list[Controller] | None,
        At("devices/controller"),
        Field(
            description=(
                "Controllers. Unlisted controllers are kept. Defaults to the controllers that the "
                "devices need."
            )
        ),
    ] = None
    hotplug: Annotated[
        Hotplug | None,
        Field(description="Hot-plug capacity for devices of a q35 machine. Defaults to 12 ports."),
    ] = None


def with_slots(domain: Node, slots: int) -> Node:
    """
    Return the definition with a marker for the number of PCI Express ports of a new guest.

    `_complete` replaces the marker, so libvirt never gets it.
    """
    devices = domain.child("devices") or Node("devices")
    noted = replace(devices, attrs=(("slots", str(slots)),))
    return replace(domain, children=(*(c for c in domain.children if c is not devices), noted))


def _complete(domain: Node, _surroundings: Surroundings) -> Node:
    """Replace the default number of ports of a new guest with the number in its spec."""
    devices, slots = domain.child("devices"), domain.get("devices/@slots")
    if devices is None or slots is None:
        return domain
    others = [c for c in devices.children if c.attr("model") != "pcie-root-port"]
    is_express = any(c.attr("model") == "pcie-root" for c in others)
    numbers = range(1, int(slots) + 1) if is_express else ()
    ports = [make("controller", {"type": "pci", "index": str(n), "model": "pcie-root-port"}) for n in numbers]
    room = replace(devices.without("@slots"), children=(*others, *ports))
    return replace(domain, children=tuple(room if c is devices else c for c in domain.children))


def _takes_port(controller: Node) -> bool:
    return controller.attr("type") in ("scsi", "virtio-serial", "usb") and controller.attr("model") != "none"


SECTION = Section(
    ControllerFields,
    combined(
        Rules(
            members=Table(
                {
                    "": Members(
                        (ALIAS, ("@type", "@index")),
                        # A USB 2 controller and its companions share an index.
                        hints=(("@type", "@index", "@model"),),
                        fallback=(("@type", "@index"),),
                    )
                }
            ),
            scalars=Table({"@index": INTEGER}),
            measures=Table({"pcihole64": Measure()}),
            resets=Table({"": (Reset("@model", ("address", "model", "target")),)}),
            actions=Table({"": attach_and_detach(needs_port(has_value("@type", "scsi")))}),
        ).below("devices/controller"),
        # How many ports a new guest is created with; `computed_values` adds them.
        Rules(at_creation=paths("devices/@slots")),
    ),
    complete=_complete,
    takes_port={"controller": _takes_port},
)
