"""Check values that must be unique in a domain: names, boot order, host PCI devices."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from kvmreconcile.kinds.domain.devices.controller import ControllerFields
from kvmreconcile.kinds.domain.devices.filesystem import FilesystemFields
from kvmreconcile.kinds.domain.devices.hostdev import HostdevFields
from kvmreconcile.kinds.domain.devices.interface.spec import InterfaceFields
from kvmreconcile.kinds.domain.devices.memory_device import MemoryDeviceFields
from kvmreconcile.kinds.domain.devices.redirdev import RedirdevFields
from kvmreconcile.kinds.domain.disk.spec import DiskFields
from kvmreconcile.kinds.domain.section import Section, fields_of


def repeated(field: str, values: Iterable[str | int | None]) -> Iterator[str]:
    """
    Yield a problem for each value that two devices share.

    Args:
        field: Name of the field, for messages.
        values: The value of each device; None if it has none.
    """
    seen: set[str | int] = set()
    for value in values:
        if value in seen:
            yield f'two devices have the same {field} "{value}"; use a unique value for each'
        if value is not None:
            seen.add(value)


def _repeated_values(spec: BaseModel) -> Iterator[str]:
    disks = fields_of(spec, DiskFields).disks or ()
    interfaces = fields_of(spec, InterfaceFields).interfaces or ()
    hostdevs = fields_of(spec, HostdevFields).hostdevs or ()
    named = (
        *disks,
        *interfaces,
        *hostdevs,
        *(fields_of(spec, FilesystemFields).filesystems or ()),
        *(fields_of(spec, MemoryDeviceFields).memory_devices or ()),
        *(fields_of(spec, RedirdevFields).redirdevs or ()),
        *(fields_of(spec, ControllerFields).controllers or ()),
    )
    yield from repeated("name", [device.name for device in named])
    yield from repeated("target", [disk.target for disk in disks])
    # Both interfaces of a failover pair have one MAC address.
    alone = [nic for nic in interfaces if nic.teaming is None]
    yield from repeated("mac", [nic.mac.lower() if nic.mac else None for nic in alone])
    yield from repeated("bootOrder", [device.boot_order for device in (*disks, *interfaces, *hostdevs)])
    yield from repeated("PCI address", [*(dev.pci for dev in hostdevs), *(nic.hostdev for nic in interfaces)])


SECTION = Section(spec_checks=(_repeated_values,))
