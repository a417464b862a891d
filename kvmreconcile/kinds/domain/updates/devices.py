"""What is done about a change of a device of a running domain. Separate as one half of the table."""

from collections.abc import Mapping

from kvmreconcile.tree import Node, Update

Value = str | Node | None

_HOT_BUSES = {"virtio", "scsi", "usb"}
_PREFIXES = {"vd": "virtio", "sd": "scsi"}
_SOURCE = "https://libvirt.org/html/libvirt-libvirt-domain.html"


def _is_hot_disk(old: Value, new: Value) -> bool:
    """Tell whether a disk hangs on a bus that takes disks while the guest runs; SATA and IDE do not."""
    disk = new if isinstance(new, Node) else old
    if not isinstance(disk, Node) or disk.attr("device") in ("cdrom", "floppy"):
        return False
    bus = disk.get("target/@bus") or _PREFIXES.get((disk.get("target/@dev") or "")[:2])
    return bus in _HOT_BUSES


_PLUG = (
    Update("attach", on="+", source=f"{_SOURCE}#virDomainAttachDeviceFlags"),
    Update("detach", on="-", source=f"{_SOURCE}#virDomainDetachDeviceFlags"),
)
_PLUG_DISK = (
    Update("attach", on="+", when=_is_hot_disk, source=f"{_SOURCE}#virDomainAttachDeviceFlags"),
    Update("detach", on="-", when=_is_hot_disk, source=f"{_SOURCE}#virDomainDetachDeviceFlags"),
)
_UPDATE_NIC = (Update("update", at="devices/interface", source=f"{_SOURCE}#virDomainUpdateDeviceFlags"),)

# QEMU takes another password only where the guest was started with one.
_PASSWORD = (Update("update", on="~", at="devices/graphics", source=f"{_SOURCE}#virDomainUpdateDeviceFlags"),)

DEVICES: Mapping[str, tuple[Update, ...]] = {
    "devices/disk": _PLUG_DISK,
    "devices/interface": _PLUG,
    "devices/interface/link": _UPDATE_NIC,
    "devices/interface/link/@state": _UPDATE_NIC,
    "devices/interface/source/@network": _UPDATE_NIC,
    "devices/interface/source/@bridge": _UPDATE_NIC,
    "devices/graphics/@passwd": _PASSWORD,
    "devices/hostdev": _PLUG,
    "devices/rng": _PLUG,
    "devices/channel": _PLUG,
    "devices/redirdev": _PLUG,
}
