"""Compute values of new disks: target, bus address, format. Pure."""

from kvmreconcile.kinds.domain.devices.device_list import devices_of, with_devices
from kvmreconcile.kinds.domain.disk.drive_address import placed, targets
from kvmreconcile.kinds.volume.formats import new_format
from kvmreconcile.model import Key, Lookup, Surroundings
from kvmreconcile.tree import (
    Node,
    Rules,
    make,
    overlay,
)

_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "sd": "sd", "ide": "hd", "fdc": "fd"}
_FORMATS = {"qcow2": "qcow2", "qed": "qed", "vmdk": "vmdk", "vdi": "vdi", "vhdx": "vhdx", "vpc": "vpc"}

_READ_AS = {"iso": "raw"}
"""Image formats with another name in storage volumes, by the format that QEMU reads them as."""

_NO_RULES = Rules()


def complete(domain: Node, surroundings: Surroundings) -> Node:
    """Return the definition with a target, a free bus address and a format for each disk."""
    devices = placed(_with_targets(devices_of(domain)))
    return with_devices(domain, tuple(_with_format(device, surroundings.lookup) for device in devices))


def _with_targets(devices: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the devices with a target for each disk: the first free name for its bus."""
    taken = {d.get("target/@dev") for d in devices if d.tag == "disk"}
    result: list[Node] = []
    for device in devices:
        if device.tag == "disk" and device.get("target/@dev") is None:
            prefix = _PREFIX.get(device.get("target/@bus") or "virtio", "vd")
            name = next(n for n in targets(prefix) if n not in taken)
            taken.add(name)
            device = overlay(device, make("disk", children=(make("target", {"dev": name}),)), _NO_RULES)  # noqa: PLW2901
        result.append(device)
    return tuple(result)


def _with_format(device: Node, lookup: Lookup) -> Node:
    """
    Return a disk with a format, derived from its volume or from the name of its file.

    A disk whose definition has a format is unchanged. libvirt would treat a disk without a format as raw.
    """
    if device.tag != "disk" or device.get("driver/@type") is not None:
        return device
    pool, volume, file = (device.get(f"source/@{name}") for name in ("pool", "volume", "file"))
    found: str | None = None
    if pool and volume:
        tree = lookup(Key("Volume", f"{pool}/{volume}"))
        kind = tree and (
            tree.get("target/format/@type") or new_format(volume, lookup(Key("StoragePool", pool))) or "raw"
        )
        found = _READ_AS.get(kind, kind) if kind else None
    elif file:
        found = _FORMATS.get(file.rpartition(".")[2], "raw")
    if found is None:
        return device
    driver = make("driver", {"name": "qemu", "type": found})
    return overlay(device, make("disk", children=(driver,)), _NO_RULES)
