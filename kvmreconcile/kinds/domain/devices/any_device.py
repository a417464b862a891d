"""Rules for all devices, including devices that a spec describes only in `xml`."""

from kvmreconcile.kinds.domain.devices.hotplug import attach_and_detach
from kvmreconcile.kinds.domain.member_keys import ALIAS, ORDERED, complete_list, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.kinds.domain.spellings import INTEGER, NUMBER
from kvmreconcile.tree import (
    Invisible,
    Rules,
    Table,
    combined,
    paths,
)

SECTION = Section(
    rules=combined(
        Rules(
            members=Table(
                {
                    "*": shared_list(ALIAS, fallback=(("@model",), ("@type",))),
                    "*/*/seclabel": shared_list(("@model",)),
                    "lease": complete_list(("lockspace", "key")),
                    "smartcard/certificate": ORDERED,
                }
            ),
            scalars=Table(
                {"*/address/@*": NUMBER, "*/target/address/@*": NUMBER, "*/source/address/@*": NUMBER}
            ),
            implied=Table({"smartcard/protocol/@type": "raw"}),
            parts=paths("*"),
            # The guest does not see libvirt's name of a device.
            invisible=Table(
                {path: Invisible("*", lambda _device: True) for path in ("*/alias", "*/alias/@name")}
            ),
            # A device keeps the address at which the guest knows it, and a partial address is rejected.
            required=paths("", "*/address", "*/address/@*"),
            whole=paths(""),
            secrets=paths("**/auth/secret/@usage", "**/source/@query", "**/cookies/cookie"),
            actions=Table({"lease": attach_and_detach()}),
        ).below("devices"),
        Rules(scalars=Table({"**/@iothread": INTEGER, "**/@queues": INTEGER})),
    ),
    kept=("devices", "devices/*/alias", "devices/*/alias/@name"),
)
