"""Tell whether the image in an existing volume can be used: ask libvirt for its header."""

from typing import Any

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume import qcow2
from kvmreconcile.model import Actual, Obstacle
from kvmreconcile.model.commands import quote


def damage(connection: Any, actual: Actual) -> Obstacle | None:
    """
    Return what keeps an existing qcow2 volume from being used, None if nothing does or nobody can tell.

    It takes five calls, so libvirt on another machine is not asked.
    """
    tree = actual.tree
    if tree.get("target/format/@type") != "qcow2" or not _is_near(connection.uri):
        return None
    pool, _, name = actual.key.name.partition("/")
    try:
        with translated(str(actual.key)):
            volume = connection.virt.storagePoolLookupByName(pool).storageVolLookupByName(name)
            start = _start(connection.virt, volume, min(_size(volume), qcow2.HEADER))
            # Now, as an image only grows: a guest may have made it larger before its header was read.
            why = qcow2.damage(start, _size(volume))
    except HostError:
        return None
    path = tree.get("target/path") or name
    todo = f"restore it from a backup, or see what this says: qemu-img check {quote(path)}"
    return Obstacle(f"it cannot be used as a qcow2 image: {why}", todo) if why else None


def _is_near(uri: str) -> bool:
    """Tell whether libvirt runs on this machine: "qemu:///system" names no other."""
    return "://" in uri and uri.partition("://")[2].startswith("/")


def _size(volume: libvirt.virStorageVol) -> int:
    return int(volume.infoFlags(libvirt.VIR_STORAGE_VOL_GET_PHYSICAL)[2])


def _start(virt: libvirt.virConnect, volume: libvirt.virStorageVol, length: int) -> bytes:
    """Return the first bytes of a volume's file."""
    if not length:
        return b""
    stream = virt.newStream(0)
    volume.download(stream, 0, length, 0)
    parts: list[bytes] = []
    while part := stream.recv(length):
        parts.append(part)
    stream.finish()
    return b"".join(parts)
