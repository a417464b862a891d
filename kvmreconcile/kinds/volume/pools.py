"""Find, refresh and check storage pools, and the volumes in them."""

from contextlib import suppress
from time import monotonic, sleep

import libvirt

from kvmreconcile.errors import Busy, NoRoom, NotFound
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.content import rounded_size
from kvmreconcile.model import Key
from kvmreconcile.tree import parse
from kvmreconcile.tree.scalars import print_size

_DELETE = {libvirt.VIR_ERR_OPERATION_INVALID: Busy}
"""While a volume "is still being allocated" or "in use" by libvirt itself."""
_REFRESH = {libvirt.VIR_ERR_INTERNAL_ERROR: Busy}
"""While the "pool has asynchronous jobs running", such as an upload whose client was just killed."""
FREE_SPACE = "free up space in the pool, or use another pool"
_ALLOCATE_LESS = '; an empty volume of the format raw or iso with "allocation: 0B" needs no space'
"""By default libvirt allocates all of the capacity."""
_TIMEOUT_S, _PAUSE_S = 30.0, 0.5
"""How long, and how often, a refresh of a busy pool is retried."""
_FILE_SYSTEMS = frozenset({"dir", "fs", "netfs"})
"""Types of pools whose volumes are files of one file system, where a hole takes no space."""


def pool_of(virt: libvirt.virConnect, key: Key) -> libvirt.virStoragePool:
    """Return the pool of a volume."""
    return virt.storagePoolLookupByName(key.name.partition("/")[0])


def find_volume(pool: libvirt.virStoragePool, key: Key) -> libvirt.virStorageVol | None:
    """Return the volume with a key; None if it does not exist."""
    try:
        with translated(str(key)):
            return pool.storageVolLookupByName(key.name.partition("/")[2])
    except NotFound:
        return None


def refresh_pool(pool: libvirt.virStoragePool) -> None:
    """Refresh libvirt's list of the volumes in a pool."""
    with translated(f"StoragePool/{pool.name()}", _REFRESH):
        pool.refresh(0)


def refresh_when_idle(pool: libvirt.virStoragePool) -> None:
    """Refresh a pool, and retry for some time while a job of another tool is running in it."""
    give_up_s = monotonic() + _TIMEOUT_S
    while monotonic() < give_up_s:
        with suppress(Busy):
            refresh_pool(pool)
            return
        sleep(_PAUSE_S)
    refresh_pool(pool)


def delete_volume(volume: libvirt.virStorageVol, key: Key) -> None:
    """Delete a volume and its data."""
    with translated(str(key), _DELETE):
        volume.delete(0)


def check_space(pool: libvirt.virStoragePool, key: Key, needed: int, freed: int = 0) -> None:
    """
    Check that a pool has enough free space, as of libvirt's last count.

    Only pools whose volumes are files are checked. Pools of other types check the space themselves.

    Args:
        needed: The space that the volume needs, in bytes.
        freed: The space that is freed before the volume is created, in bytes.

    Raises:
        NoRoom: The pool does not have enough space.
    """
    if not needed or parse(pool.XMLDesc(0)).attr("type") not in _FILE_SYSTEMS:
        return
    if _has_space(pool, needed - freed):
        return
    with suppress(Busy):
        # A refresh also counts what other tools have removed.
        refresh_pool(pool)
    if not _has_space(pool, needed - freed):
        name, left = pool.name(), int(pool.info()[3]) + freed
        sizes = rounded_size(needed), rounded_size(left)
        if sizes[0] == sizes[1]:
            sizes = print_size(needed, left), print_size(left, needed)
        then = " once the old volume is deleted" if freed else ""
        what = f"it needs {sizes[0]}, but only {sizes[1]} are free in the pool {name}{then}"
        todo = f"{FREE_SPACE}{_ALLOCATE_LESS}"
        raise NoRoom(f"{key}: {what}; {todo}", pool=f"StoragePool/{name}", needed=needed)


def _has_space(pool: libvirt.virStoragePool, needed: int) -> bool:
    """Return whether a pool has enough free space, as of libvirt's last count; True if the size is unknown."""
    _, capacity, _, available = map(int, pool.info())
    return not capacity or available >= needed
