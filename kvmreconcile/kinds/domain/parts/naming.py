"""
How users name devices, and where they stand in the boot order.

Separate because disks, interfaces and shared directories are named alike.
"""

from typing import Annotated

from pydantic import Field

from kvmreconcile.kinds.codecs import WHOLE, Text
from kvmreconcile.kinds.lens import At
from kvmreconcile.kinds.values import DeviceName

ALIAS = Text(prefix="ua-")
"""Names that users give to devices; libvirt keeps an alias with this prefix as it is."""

DeviceAlias = Annotated[
    DeviceName | None,
    At("alias/@name", ALIAS),
    Field(
        description="A name inside the domain, by which the device is known for good (libvirt's alias "
        '"ua-NAME"). Without it the device is known by its target or MAC address. Defaults to none.'
    ),
]
BootOrder = Annotated[
    int | None,
    At("boot/@order", WHOLE),
    Field(
        ge=1,
        description="Place in the boot order, 1 first. Cannot be used together with `boot.order`. Defaults to none.",
    ),
]
