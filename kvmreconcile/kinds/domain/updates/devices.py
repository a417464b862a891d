"""What is done about a change of a device of a running domain. Separate as one third of the table."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from kvmreconcile.tree import Change, Node, Update

Question = Callable[[Change, Node], bool]
Version = tuple[int, int, int]
_ALWAYS = (0, 0, 0)

_HOT_BUSES = {"scsi", "usb"}
_PORTS = {"pcie-root-port", "pcie-switch-downstream-port"}
_SWITCHED = {"network", "bridge"}
_PREFIXES = {"vd": "virtio", "sd": "scsi"}
_REMOVABLE = {"cdrom", "floppy"}
_SOURCES = {"file", "dev", "pool", "volume", "protocol", "name"}
"""Attributes of `<source>` that tell which one it is."""
_NEWS = "https://libvirt.org/news.html#v{}"
_DOMAIN = "https://libvirt.org/html/libvirt-libvirt-domain.html"
_CALL = f"{_DOMAIN}#virDomain{{}}DeviceFlags"


def _element(change: Change) -> Node | None:
    """Return the device that comes or goes."""
    return next((value for value in (change.new, change.old) if isinstance(value, Node)), None)


def _is_hot_disk(change: Change, domain: Node) -> bool:
    """Tell whether a disk hangs on a bus that takes disks while the guest runs; SATA and IDE do not."""
    disk = _element(change)
    if disk is None or disk.attr("device") in _REMOVABLE or (change.old is None and _is_in_use(disk, domain)):
        return False
    return _bus(disk) in _HOT_BUSES or (_bus(disk) == "virtio" and _has_port(change, domain))


def _is_in_use(disk: Node, domain: Node) -> bool:
    """Tell whether the guest runs with another disk on the same source, which is on another only after a start."""
    source = _source(disk)
    may_share = disk.child("shareable") or disk.child("readonly")
    return bool(source) and not may_share and any(_source(d) == source for d in domain.all("devices/disk"))


def _source(disk: Node) -> tuple[tuple[str, str], ...]:
    source = disk.child("source")
    return tuple(a for a in source.attrs if a[0] in _SOURCES) if source else ()


def _is_hot_drive(change: Change, _domain: Node) -> bool:
    """Tell whether a drive for CDs hangs on a bus that takes drives while the guest runs."""
    disk = _element(change)
    return disk is not None and disk.attr("device") == "cdrom" and _bus(disk) in {"scsi", "usb"}


def _bus(disk: Node) -> str | None:
    return disk.get("target/@bus") or _PREFIXES.get((disk.get("target/@dev") or "")[:2])


def _is(place: str, *values: str) -> Question:
    """Return whether a device that comes or goes has one of some values at a place in it."""

    def ask(change: Change, _domain: Node) -> bool:
        device = _element(change)
        return device is not None and device.get(place) in values

    return ask


def _has_port(change: Change, domain: Node) -> bool:
    """Tell whether a port of PCI Express is free for a device that comes; other machines have no ports but slots."""
    controllers = [c for c in domain.all("devices/controller") if c.attr("type") == "pci"]
    if change.new is None or not any(c.attr("model") == "pcie-root" for c in controllers):
        return True
    ports = {int(c.attr("index") or 0) for c in controllers if c.attr("model") in _PORTS}
    devices = domain.child("devices")
    places = [d.child("address") for d in devices.children] if devices else []
    return bool(ports - {int(p.attr("bus") or "0", 0) for p in places if p and p.attr("type") == "pci"})


def _in_port(when: Question) -> Question:
    """Return whether a device that is a card can come or go, and has a port to come to."""
    return lambda change, domain: when(change, domain) and _has_port(change, domain)


def _has_room(change: Change, domain: Node) -> bool:
    """Tell whether a device of the host that comes has a port, if it is a card to the guest; USB and SCSI are none."""
    return not _is("@type", "pci", "mdev")(change, domain) or _has_port(change, domain)


def _is_switched(change: Change, _domain: Node) -> bool:
    """Tell whether an interface goes from one switch of the host to another, however each is named."""
    return {change.old, change.new} <= _SWITCHED


def _shares_memory(change: Change, domain: Node) -> bool:
    """Tell whether a directory is shared by a process that must see the guest's memory, and does."""
    cells = {cell.attr("memAccess") for cell in domain.all("cpu/numa/cell")}
    is_seen = domain.get("memoryBacking/access/@mode") == "shared" or "shared" in cells
    return is_seen and _is("driver/@type", "virtiofs")(change, domain)


def _is_hot_line(change: Change, domain: Node) -> bool:
    """Tell whether a serial line is a device of its own; the others are soldered to their machine."""
    if _is("target/@type", "pci-serial")(change, domain):
        return _has_pci(change, domain)
    return _is("target/@type", "usb-serial")(change, domain)


def _is_card(change: Change, domain: Node) -> bool:
    """
    Tell whether a watchdog is a card that can be hot-plugged (i6300esb or ib700); others are part of the machine.

    libvirt hot-plugs none if the guest has another (`qemuDomainAttachWatchdog`), such as that of q35's chipset.
    """
    is_alone = change.new is None or not any(domain.all("devices/watchdog"))
    return is_alone and _is("@model", "i6300esb")(change, domain) and _has_pci(change, domain)


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


def _plug(when: Question | None = None, since: Version = _ALWAYS) -> tuple[Update, ...]:
    """Return the rows of a device that can come and go while the guest runs."""
    return (
        Update("attach", on="+", when=when, since=since, source=_CALL.format("Attach")),
        Update("detach", on="-", when=when, since=since, source=_CALL.format("Detach")),
    )


def _change(at: str, on: str = "+-~", when: Question | None = None) -> tuple[Update, ...]:
    """Return the row of what a device takes while it is plugged in."""
    return (Update("update", on=on, at=at, when=when, source=_CALL.format("Update")),)


_MEDIUM = _change("devices/disk", when=_is_removable)
_NIC = _change("devices/interface")
_SWITCH = tuple(replace(row, after="devices/interface/@type") for row in _NIC)
"""Where an interface hangs, which is of use only where the interface is of the kind that hangs there."""

DEVICES: Mapping[str, tuple[Update, ...]] = {
    "devices/disk": (
        *_plug(_is_hot_disk),
        # Before, an empty drive was refused, and one with a medium had a tray that never opened.
        Update(
            "attach", on="+", when=_is_hot_drive, since=(9, 10, 0), source=_NEWS.format("9-10-0-2023-12-01")
        ),
        Update("detach", on="-", when=_is_hot_drive, source=_CALL.format("Detach")),
    ),
    "devices/disk/@type": _MEDIUM,
    "devices/disk/source": (
        *_MEDIUM,
        # No change alone is served by it: `chains` plans it where policy has the disk's data go along.
        Update("move", on="", at="devices/disk", source=f"{_DOMAIN}#virDomainBlockCopy"),
    ),
    "devices/disk/source/@file": _MEDIUM,
    "devices/disk/source/@dev": _MEDIUM,
    "devices/disk/source/@pool": _MEDIUM,
    "devices/disk/source/@volume": _MEDIUM,
    "devices/disk/source/@startupPolicy": _change("devices/disk"),
    "devices/disk/@snapshot": _change("devices/disk"),
    "devices/interface": _plug(_has_port),
    "devices/interface/link": _NIC,
    "devices/interface/link/@state": _NIC,
    "devices/interface/@type": _change("devices/interface", on="~", when=_is_switched),
    "devices/interface/source/@network": _SWITCH,
    "devices/interface/source/@bridge": _SWITCH,
    "devices/interface/coalesce": _NIC,
    "devices/interface/coalesce/rx/frames/@max": _NIC,
    "devices/interface/port": _NIC,
    "devices/interface/port/@isolated": _NIC,
    "devices/interface/@trustGuestRxFilters": (
        # Before, it was taken for done, and nothing came of it.
        Update("update", at="devices/interface", since=(10, 0, 0), source=_NEWS.format("10-0-0-2024-01-15")),
    ),
    "devices/interface/filterref": _NIC,
    "devices/interface/filterref/@filter": _NIC,
    "devices/interface/filterref/parameter": _NIC,
    # What no row above serves; of another port group libvirt 9.0 says that it is done, and does nothing.
    "devices/interface/**": (
        Update("replug", at="devices/interface", interrupts=True, source=_CALL.format("Attach")),
    ),
    # QEMU takes another password only where the guest was started with one.
    "devices/graphics/@passwd": _change("devices/graphics", on="~"),
    "devices/graphics/@passwdValidTo": _change("devices/graphics"),
    "devices/graphics/@connected": _change("devices/graphics"),
    "devices/hostdev": _plug(_has_room),
    "devices/redirdev": _plug(),
    "devices/rng": _plug(_has_port),
    "devices/channel": _plug(_is("target/@type", "virtio")),
    "devices/serial": _plug(_is_hot_line),
    "devices/console": _plug(_is("target/@type", "virtio")),
    "devices/watchdog": _plug(_is_card),
    "devices/vsock": _plug(_has_port),
    "devices/input": (*_plug(_is("@bus", "usb", "virtio")), *_plug(_is("@type", "evdev"), since=(10, 4, 0))),
    "devices/shmem": _plug(_has_pci),
    "devices/memory": (
        *_plug(_is("@model", "dimm")),
        Update(
            "attach",
            on="+",
            when=_in_port(_is("@model", "virtio-mem", "virtio-pmem")),
            source=_CALL.format("Attach"),
        ),
    ),
    "devices/memory/target/requested": _change("devices/memory", on="~"),
    "devices/controller": _plug(_in_port(_is("@type", "scsi"))),
    "devices/filesystem": _plug(_in_port(_shares_memory)),
    "devices/lease": _plug(),
}
