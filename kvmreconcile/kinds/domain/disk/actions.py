"""Rules for changing a disk of a running guest."""

from kvmreconcile.kinds.domain.devices.hotplug import (
    CALL,
    NEWS,
    SOURCE,
    attach_and_detach,
    changed_element,
    has_port,
    update_device,
)
from kvmreconcile.tree import Change, Node, Table, Update

_HOT_BUSES = {"scsi", "usb"}
_PREFIXES = {"vd": "virtio", "sd": "scsi"}
_REMOVABLE = {"cdrom", "floppy"}
_SOURCES = {"file", "dev", "pool", "volume", "protocol", "name"}
"""Attributes of `<source>` that identify it."""


def _is_hot_disk(change: Change, domain: Node) -> bool:
    """Return whether a disk can be hot-plugged: its bus supports hot-plug (SATA and IDE do not), and has room."""
    disk = changed_element(change)
    if disk is None or disk.attr("device") in _REMOVABLE or (change.old is None and _is_in_use(disk, domain)):
        return False
    return _bus(disk) in _HOT_BUSES or (_bus(disk) == "virtio" and has_port(change, domain))


def _is_in_use(disk: Node, domain: Node) -> bool:
    """
    Return whether another disk of the running guest uses the source of an added disk.

    The added disk then waits for the next start.
    """
    source = _source(disk)
    may_share = disk.child("shareable") or disk.child("readonly")
    return bool(source) and not may_share and any(_source(d) == source for d in domain.all("devices/disk"))


def _source(disk: Node) -> tuple[tuple[str, str], ...]:
    source = disk.child("source")
    return tuple(a for a in source.attrs if a[0] in _SOURCES) if source else ()


def _is_hot_drive(change: Change, _domain: Node) -> bool:
    """Return whether a CD-ROM drive is on a bus that supports hot-plug."""
    disk = changed_element(change)
    return disk is not None and disk.attr("device") == "cdrom" and _bus(disk) in {"scsi", "usb"}


def _bus(disk: Node) -> str | None:
    return disk.get("target/@bus") or _PREFIXES.get((disk.get("target/@dev") or "")[:2])


def _is_removable(change: Change, domain: Node) -> bool:
    """Return whether the changed device is a drive with a removable medium."""
    name = change.steps[1]
    return any(
        disk.attr("device") in _REMOVABLE and name in (f"disk[{label}]" for label in _labels(disk))
        for disk in domain.all("devices/disk")
    )


def _labels(disk: Node) -> tuple[str, ...]:
    return (disk.get("alias/@name") or "").removeprefix("ua-"), disk.get("target/@dev") or ""


_MEDIUM = update_device(when=_is_removable)
_IOTUNE = (Update("set-iotune", at=".", source=f"{SOURCE}#virDomainSetBlockIoTune"),)

ACTIONS = Table(
    {
        "": (
            *attach_and_detach(_is_hot_disk),
            # Older versions reject an empty drive, and never open the tray of one with a medium.
            Update(
                "attach",
                on="+",
                when=_is_hot_drive,
                since=(9, 10, 0),
                source=NEWS.format("9-10-0-2023-12-01"),
            ),
            Update("detach", on="-", when=_is_hot_drive, source=CALL.format("Detach")),
        ),
        "@type": _MEDIUM,
        "source": (
            *_MEDIUM,
            # No change alone matches this row: `relocation` plans it if the policy has the disk's data copied.
            Update("move", on="", at=".", source=f"{SOURCE}#virDomainBlockCopy"),
        ),
        "source/@file": _MEDIUM,
        "source/@dev": _MEDIUM,
        "source/@pool": _MEDIUM,
        "source/@volume": _MEDIUM,
        "source/@startupPolicy": update_device(),
        "@snapshot": update_device(),
        "iotune/*": _IOTUNE,
    }
)
