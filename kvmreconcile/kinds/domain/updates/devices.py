"""What is done about a change of a device of a running domain. Separate as one third of the table."""

from collections.abc import Callable, Mapping

from kvmreconcile.tree import Change, Node, Update

Question = Callable[[Change, Node], bool]

_HOT_BUSES = {"virtio", "scsi", "usb"}
_PREFIXES = {"vd": "virtio", "sd": "scsi"}
_REMOVABLE = {"cdrom", "floppy"}
_CALL = "https://libvirt.org/html/libvirt-libvirt-domain.html#virDomain{}DeviceFlags"


def _element(change: Change) -> Node | None:
    """Return the device that comes or goes."""
    return next((value for value in (change.new, change.old) if isinstance(value, Node)), None)


def _is_hot_disk(change: Change, _domain: Node) -> bool:
    """Tell whether a disk hangs on a bus that takes disks while the guest runs; SATA and IDE do not."""
    disk = _element(change)
    if disk is None or disk.attr("device") in _REMOVABLE:
        return False
    bus = disk.get("target/@bus") or _PREFIXES.get((disk.get("target/@dev") or "")[:2])
    return bus in _HOT_BUSES


def _is(place: str, *values: str) -> Question:
    """Return whether a device that comes or goes has one of some values at a place in it."""

    def ask(change: Change, _domain: Node) -> bool:
        device = _element(change)
        return device is not None and device.get(place) in values

    return ask


def _has_pci(_change: Change, domain: Node) -> bool:
    """Tell whether there is a bus for cards of the older kind, which no port of PCI Express takes."""
    models = {controller.attr("model") or "" for controller in domain.all("devices/controller")}
    return bool(models & {"pci-root", "pcie-to-pci-bridge", "dmi-to-pci-bridge"})


def _is_removable(change: Change, domain: Node) -> bool:
    """Tell whether a change is of a disk whose medium can be taken out."""
    name = change.steps[1]
    return any(
        disk.attr("device") in _REMOVABLE and name in (f"disk[{label}]" for label in _labels(disk))
        for disk in domain.all("devices/disk")
    )


def _labels(disk: Node) -> tuple[str, ...]:
    return (disk.get("alias/@name") or "").removeprefix("ua-"), disk.get("target/@dev") or ""


def _plug(when: Question | None = None) -> tuple[Update, ...]:
    """Return the rows of a device that can come and go while the guest runs."""
    return (
        Update("attach", on="+", when=when, source=_CALL.format("Attach")),
        Update("detach", on="-", when=when, source=_CALL.format("Detach")),
    )


def _change(at: str, on: str = "+-~", when: Question | None = None) -> tuple[Update, ...]:
    """Return the row of what a device takes while it is plugged in."""
    return (Update("update", on=on, at=at, when=when, source=_CALL.format("Update")),)


_MEDIUM = _change("devices/disk", when=_is_removable)
_NIC = _change("devices/interface")

DEVICES: Mapping[str, tuple[Update, ...]] = {
    "devices/disk": _plug(_is_hot_disk),
    "devices/disk/@type": _MEDIUM,
    "devices/disk/source": _MEDIUM,
    "devices/disk/source/@file": _MEDIUM,
    "devices/disk/source/@dev": _MEDIUM,
    "devices/disk/source/@pool": _MEDIUM,
    "devices/disk/source/@volume": _MEDIUM,
    "devices/disk/source/@startupPolicy": _change("devices/disk"),
    "devices/disk/@snapshot": _change("devices/disk"),
    "devices/interface": _plug(),
    "devices/interface/link": _NIC,
    "devices/interface/link/@state": _NIC,
    "devices/interface/source/@network": _NIC,
    "devices/interface/source/@bridge": _NIC,
    "devices/interface/filterref": _NIC,
    "devices/interface/filterref/@filter": _NIC,
    "devices/interface/filterref/parameter": _NIC,
    # QEMU takes another password only where the guest was started with one.
    "devices/graphics/@passwd": _change("devices/graphics", on="~"),
    "devices/hostdev": _plug(),
    "devices/redirdev": _plug(),
    "devices/rng": _plug(),
    "devices/channel": _plug(),
    "devices/watchdog": _plug(_has_pci),
    "devices/vsock": _plug(),
    "devices/input": _plug(_is("@bus", "usb", "virtio")),
    "devices/shmem": _plug(_has_pci),
    "devices/memory": (
        *_plug(_is("@model", "dimm")),
        Update(
            "attach", on="+", when=_is("@model", "virtio-mem", "virtio-pmem"), source=_CALL.format("Attach")
        ),
    ),
    "devices/memory/target/requested": _change("devices/memory", on="~"),
    "devices/controller": _plug(_is("@type", "scsi")),
    "devices/filesystem": _plug(_is("driver/@type", "virtiofs")),
    "devices/lease": _plug(),
}
