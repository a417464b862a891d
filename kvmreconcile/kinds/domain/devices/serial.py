"""Serial ports and consoles."""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_pci_slots, has_value
from kvmreconcile.kinds.domain.member_keys import ALIAS, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.codecs import Switch
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Change, Node, Rules, Table

SERIAL = '<serial type="pty"/>'


class SerialFields(Spec):
    """Field of Domain for the serial console."""

    serial: Annotated[
        bool | None,
        At("devices/serial", Switch(SERIAL)),
        Field(description="Serial console. Defaults to true for a new domain."),
    ] = None


def _is_hot_line(change: Change, domain: Node) -> bool:
    """Return whether a serial port is a separate device; other serial ports are part of the machine."""
    if has_value("target/@type", "pci-serial")(change, domain):
        return has_pci_slots(change, domain)
    return has_value("target/@type", "usb-serial")(change, domain)


SECTION = Section(
    SerialFields,
    Rules(
        members=Table(
            {
                "serial": shared_list(ALIAS, ("target/@port",)),
                "parallel": shared_list(ALIAS, ("target/@port",)),
                "console": shared_list(ALIAS, ("target/@type", "target/@port"), ("target/@port",)),
            }
        ),
        # `virDomainDefAddConsoleCompat`
        copies=Table({"serial": "console", "console": "serial"}),
        actions=Table(
            {
                "serial": attach_and_detach(_is_hot_line),
                "console": attach_and_detach(has_value("target/@type", "virtio")),
            }
        ),
    ).below("devices"),
    kept=("devices/serial", "devices/serial/@type"),
)
