"""
Table of errors in a domain's definition that are errors on every host.

`checks` finds contradictions between fields of a spec; these rows check the definition, whether its parts come from
fields, from `xml` or from the host. Pure.
"""

import re
from collections.abc import Callable, Iterator

from kvmreconcile.model import Mistake
from kvmreconcile.tree import Node

_OF_A_GROUP = re.compile("[0-9a-fA-F][13579bdfBDF]:")
Check = Callable[[Node], Iterator[Mistake]]


def mistakes(domain: Node) -> Iterator[Mistake]:
    """Yield errors of a definition, or of a part of one."""
    for check in CHECKS:
        yield from check(domain)


def _ide_on_q35(domain: Node) -> Iterator[Mistake]:
    """Source: `qemuValidateDomainDeviceDefControllerIDE` in libvirt's src/qemu/qemu_validate.c."""
    if "q35" not in (domain.get("os/type/@machine") or ""):
        return
    for number, disk in enumerate(domain.all("devices/disk"), 1):
        bus, name = disk.get("target/@bus"), disk.get("target/@dev") or ""
        if bus == "ide" or (bus is None and name.startswith("hd")):
            what = "the machine q35 has no IDE bus"
            todo = 'write "bus: sata", or "bus: virtio" if it is no CD-ROM'
            yield Mistake(f"devices/disk[{number}]/target/@bus", what, todo)


def _two_boot_orders(domain: Node) -> Iterator[Mistake]:
    """Source: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms, `boot`."""
    if domain.find("os/boot") is None:
        return
    for tag in ("disk", "interface", "hostdev", "redirdev"):
        for number, device in enumerate(domain.all(f"devices/{tag}"), 1):
            if device.child("boot"):
                what = "a boot order per device and one per kind of device (os/boot) exclude each other"
                todo = (
                    'keep either "bootOrder" of devices or "boot.order" '
                    '("boot: {order: []}" removes the one that the guest has)'
                )
                yield Mistake(f"devices/{tag}[{number}]/boot/@order", what, todo, "os/boot")


def _multicast(domain: Node) -> Iterator[Mistake]:
    """Source: `virDomainNetDefParseXML` in libvirt's src/conf/domain_conf.c."""
    for number, interface in enumerate(domain.all("devices/interface"), 1):
        # The second digit has the multicast bit. libvirt itself rejects text that is not a MAC address.
        if _OF_A_GROUP.match(interface.get("mac/@address") or ""):
            what = "this is a multicast MAC address: its first octet is odd"
            yield Mistake(f"devices/interface[{number}]/mac/@address", what, "use one such as 52:54:00:…")


def _acpi_without_uefi(domain: Node) -> Iterator[Mistake]:
    """Source: `qemuValidateDomainDefFeatures` in libvirt's src/qemu/qemu_validate.c."""
    has_uefi = domain.get("os/@firmware") == "efi" or domain.find("os/loader")
    if domain.get("os/type/@arch") == "aarch64" and domain.find("features/acpi") and not has_uefi:
        todo = 'set "boot: {firmware: efi}", or disable ACPI ("features: {acpi: false}")'
        yield Mistake("features/acpi", "ACPI needs UEFI on aarch64", todo)


def _processors(domain: Node) -> Iterator[Mistake]:
    """Source: https://libvirt.org/formatdomain.html#cpu-allocation, `vcpus`, by which `current` is ignored."""
    maximum, each = domain.get("vcpu"), list(domain.all("vcpus/vcpu"))
    count = domain.get("vcpu/@current") or maximum
    enabled = sum(vcpu.attr("enabled") == "yes" for vcpu in each)
    if maximum == str(len(each)) and count != str(enabled):
        what = f"the number of vCPUs is {count}, but <vcpus> enables {enabled}"
        yield Mistake("vcpu/@current", what, "give the same number in both, or leave out <vcpus>", "vcpus")


CHECKS: tuple[Check, ...] = (_ide_on_q35, _two_boot_orders, _multicast, _acpi_without_uefi, _processors)
