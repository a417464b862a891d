"""
Refresh libvirt's list of the volumes in a pool, which dates from the pool's last refresh.

Until a refresh, the list lacks files that were copied into the pool or became visible by a mount, and the
formats of volumes may be outdated. Size, timestamps and existence of a listed volume are always current:
libvirt reads them from the file when it is asked for the volume.
"""

from collections.abc import Collection, Hashable, Iterator
from contextlib import suppress
from pathlib import Path

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.files import Files
from kvmreconcile.host.identity import is_here
from kvmreconcile.kinds.volume.pools import refresh_pool
from kvmreconcile.tree import parse

_DIRECTORIES = frozenset({"dir", "fs"})
"""Types of pools whose volumes are files in a directory of the host."""


def volume_name(volume: libvirt.virStorageVol) -> str | None:
    """Return a volume's name; None if the name is not UTF-8, so that no spec can refer to it."""
    try:
        return volume.name()
    except UnicodeDecodeError:
        return None


def find_unlisted(connection: Connection, names: Collection[str]) -> dict[str, Hashable | None]:
    """
    Return the volumes that libvirt's list of their pool lacks, each with the state of the pool's directory.

    The state changes whenever a file is added to the directory; None means unknown. Volumes of inactive
    pools and volumes that cannot be read are skipped. Raises no errors.

    Args:
        names: Names to check, as "pool/name".
    """
    found: dict[str, Hashable | None] = {}
    with suppress(HostError), translated("volumes"):
        for pool, inside in _active_pools(connection.virt, names):
            listed = {f"{pool.name()}/{volume_name(volume)}" for volume in pool.listAllVolumes(0)}
            if missing := inside - listed:
                found |= dict.fromkeys(missing, _state(connection, pool))
    return found


def refresh_pools(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """
    Refresh the active pools of the given volumes.

    Returns the volumes whose pool could not be refreshed, each with the reason. A failed refresh
    deactivates the pool (measured, libvirt 9.0), unless a job is running in the pool. Therefore, a pool
    whose directory is known to be missing is not refreshed.

    Args:
        names: Names of volumes, as "pool/name".
    """
    failed: dict[str, str] = {}
    try:
        with translated("volumes"):
            for pool, inside in _active_pools(connection.virt, names):
                if why := _refresh_existing(connection, pool):
                    failed |= dict.fromkeys(inside, why)
    except HostError as error:
        return dict.fromkeys(names, str(error))
    return failed


def _active_pools(
    virt: libvirt.virConnect, names: Collection[str]
) -> Iterator[tuple[libvirt.virStoragePool, set[str]]]:
    """Yield the active pools of the given volumes, each with the names of its volumes."""
    for pool in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        inside = {name for name in names if name.startswith(f"{pool.name()}/")}
        if inside:
            yield pool, inside


def _refresh_existing(connection: Connection, pool: libvirt.virStoragePool) -> str:
    """Refresh a pool, unless its directory is missing; return why it was not refreshed, "" on success."""
    directory = _directory(connection, pool)
    if directory and Files().lacks(directory):
        what = f"its directory {directory} does not exist (mount its file system, or create it)"
        return f"StoragePool/{pool.name()}: {what}; not refreshed, since this would deactivate the pool"
    try:
        refresh_pool(pool)
    except HostError as error:
        return str(error)
    return ""


def _state(connection: Connection, pool: libvirt.virStoragePool) -> Hashable | None:
    directory = _directory(connection, pool)
    version = Files().directory_version(directory) if directory else None
    return (pool.UUIDString(), directory, version) if version else None


def _directory(connection: Connection, pool: libvirt.virStoragePool) -> Path | None:
    """Return the directory of a pool; None if its volumes are not files of this machine."""
    tree = parse(pool.XMLDesc(0))
    path = tree.get("target/path")
    is_local = is_here(connection.uri) and tree.attr("type") in _DIRECTORIES
    return Path(path) if path and is_local else None
