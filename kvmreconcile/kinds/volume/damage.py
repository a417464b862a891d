"""Check the image in an existing volume by reading its header through libvirt."""

from typing import Any

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume import qcow2
from kvmreconcile.model import Actual, Obstacle
from kvmreconcile.model.commands import quote


def find_damage(connection: Any, actual: Actual) -> Obstacle | None:
    """
    Return why an existing qcow2 volume cannot be used; None if it can be used or if this is unknown.

    The check takes five libvirt calls, so volumes of a remote libvirt are not checked.
    """
    tree = actual.tree
    if tree.get("target/format/@type") != "qcow2" or not _is_local(connection.uri):
        return None
    pool, _, name = actual.key.name.partition("/")
    try:
        with translated(str(actual.key)):
            volume = connection.virt.storagePoolLookupByName(pool).storageVolLookupByName(name)
            start = _start(connection.virt, volume, min(_size(volume), qcow2.HEADER))
            # The size is read again: a guest may have enlarged the image before its header was read.
            why = qcow2.find_header_damage(start, _size(volume))
    except HostError:
        return None
    path = tree.get("target/path") or name
    todo = f"restore it from a backup, or check it: qemu-img check {quote(path)}"
    return Obstacle(f"it cannot be used as a qcow2 image: {why}", todo) if why else None


def _is_local(uri: str) -> bool:
    """Return whether a URI has no host name (such as "qemu:///system"), so that libvirt runs on this machine."""
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
