"""The watchdog."""

from typing import Annotated, Literal

from pydantic import Field

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach, has_pci_slots, has_value
from kvmreconcile.kinds.domain.member_keys import ALIAS, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.kind import Spec
from kvmreconcile.schema.element import Element
from kvmreconcile.schema.mapping import At
from kvmreconcile.tree import Change, Node, Rules, Table


class Watchdog(Element):
    """A watchdog device, which acts when the guest stops resetting it."""

    model: Annotated[
        Literal["i6300esb", "ib700", "itco", "diag288"],
        At("@model"),
        Field(description="Model."),
    ]
    action: Annotated[
        Literal["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] | None,
        At("@action"),
        Field(description='Action when the watchdog expires. Defaults to "reset".'),
    ] = None


class WatchdogFields(Spec):
    """Field of Domain for the watchdog."""

    watchdog: Annotated[
        Watchdog | None,
        At("devices/watchdog"),
        Field(description='Watchdog device. Defaults to none; libvirt 9.1 and later add "itco" on q35.'),
    ] = None


def _is_card(change: Change, domain: Node) -> bool:
    """
    Return whether a watchdog can be hot-plugged: it is an i6300esb, and the guest has conventional PCI slots.

    libvirt does not hot-plug a watchdog if the guest has another one, such as the watchdog of q35's chipset
    (`qemuDomainAttachWatchdog`).
    """
    is_alone = change.new is None or not any(domain.all("devices/watchdog"))
    return is_alone and has_value("@model", "i6300esb")(change, domain) and has_pci_slots(change, domain)


SECTION = Section(
    WatchdogFields,
    Rules(
        # Since 9.1 libvirt lists the watchdog of q35's chipset ("itco") in every definition, in addition to any other.
        members=Table({"": shared_list(ALIAS, ("@model",))}),
        actions=Table({"": attach_and_detach(_is_card)}),
    ).below("devices/watchdog"),
)
