"""
How a change reaches a running domain: the longest table of the kind.

Separate from the other rules because it grows with every libvirt. A change without a row is stored, shown as
pending, and in force after the next start. Source, unless a row names another: the manual page of the call,
https://libvirt.org/html/libvirt-libvirt-domain.html, and libvirt's `qemu_hotplug.c`.
"""

from kvmreconcile.tree import Effect, Node, Table, Update

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


def _is_more(old: Value, new: Value) -> bool:
    """Tell whether a number grows; None is all there can be, so that nothing is more."""
    if not isinstance(old, str):
        return False
    return new is None or (isinstance(new, str) and int(new) > int(old))


_PLUG = (
    Update("attach", on="+", source=f"{_SOURCE}#virDomainAttachDeviceFlags"),
    Update("detach", on="-", source=f"{_SOURCE}#virDomainDetachDeviceFlags"),
)
_PLUG_DISK = (
    Update("attach", on="+", when=_is_hot_disk, source=f"{_SOURCE}#virDomainAttachDeviceFlags"),
    Update("detach", on="-", when=_is_hot_disk, source=f"{_SOURCE}#virDomainDetachDeviceFlags"),
)
_UPDATE_NIC = (Update("update", at="devices/interface", source=f"{_SOURCE}#virDomainUpdateDeviceFlags"),)
_LIFECYCLE = (Update("set-lifecycle", on="~", source=f"{_SOURCE}#virDomainSetLifecycleAction"),)

UPDATES: Table[tuple[Update, ...]] = Table(
    {
        "uuid": (Update("replace", effect=Effect.REPLACE, on="~"),),
        "title": (Update("set-title", source=f"{_SOURCE}#virDomainSetMetadata"),),
        "description": (Update("set-description", source=f"{_SOURCE}#virDomainSetMetadata"),),
        "currentMemory": (
            Update("set-memory", on="~", after="memory", source=f"{_SOURCE}#virDomainSetMemoryFlags"),
        ),
        "vcpu/@current": (
            Update("set-vcpus", after="vcpu", when=_is_more, source=f"{_SOURCE}#virDomainSetVcpusFlags"),
        ),
        "on_poweroff": _LIFECYCLE,
        "on_reboot": _LIFECYCLE,
        "on_crash": _LIFECYCLE,
        "devices/disk": _PLUG_DISK,
        "devices/interface": _PLUG,
        "devices/interface/link": _UPDATE_NIC,
        "devices/interface/link/@state": _UPDATE_NIC,
        "devices/interface/source/@network": _UPDATE_NIC,
        "devices/interface/source/@bridge": _UPDATE_NIC,
        "devices/hostdev": _PLUG,
        "devices/rng": _PLUG,
        "devices/channel": _PLUG,
        "devices/redirdev": _PLUG,
    }
)
