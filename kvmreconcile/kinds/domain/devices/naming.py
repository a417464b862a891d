"""Define the fields `name` and `bootOrder` of devices."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.domain.devices.device_list import devices_of, with_devices
from kvmreconcile.schema.codecs import WHOLE, Text
from kvmreconcile.schema.mapping import At
from kvmreconcile.schema.values import DeviceName
from kvmreconcile.tree import Node

ALIAS = Text(prefix="ua-")
"""Prefix of aliases that users set; libvirt keeps such an alias unchanged."""

DeviceAlias = Annotated[
    DeviceName | None,
    At("alias/@name", ALIAS),
    Field(
        description=(
            'Name of the device inside the domain: letters, digits, "_" and "-" (libvirt\'s alias '
            '"ua-NAME"). The name identifies the device when other fields are edited. The guest does '
            "not see the name, except in the ID of a SCSI disk without `serial`. A device without a "
            "name is identified by its target or MAC address. If this value is edited, the device is "
            "identified by its source or network, provided that exactly one device matches. If "
            "several devices match, the change is held. Defaults to none."
        )
    ),
]

BootOrder = Annotated[
    int | None,
    At("boot/@order", WHOLE),
    Field(
        ge=1,
        description=(
            "Position in the boot order; 1 is first. Cannot be used together with `boot.order`. Defaults "
            "to none."
        ),
    ),
]


def label(device: Node, otherwise: str) -> str:
    """
    Return the name of a device; if it has none, the value at another path, or "without a name".

    Args:
        otherwise: Path of the value to return for a device without a name.
    """
    name = (device.get("alias/@name") or "").removeprefix(ALIAS.prefix)
    return name or device.get(otherwise) or "without a name"


def without_given_aliases(domain: Node) -> Node:
    """
    Return the definition without the aliases that libvirt generates at each start.

    A spec that was copied from a running definition contains such aliases. libvirt does not store them, so
    they cannot identify a device.
    """
    kept = tuple(
        replace(device, children=tuple(c for c in device.children if not _is_given_alias(c)))
        for device in devices_of(domain)
    )
    return with_devices(domain, kept)


def _is_given_alias(element: Node) -> bool:
    return element.tag == "alias" and not (element.attr("name") or "").startswith(ALIAS.prefix)
