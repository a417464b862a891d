"""
libvirt's list of the volumes of a pool, which is as old as the pool's last refresh.

It misses the files of a disk that was mounted since. Where it lists a volume whose file is gone, libvirt says so when
it is asked for that volume.
"""

from collections.abc import Collection
from contextlib import suppress

import libvirt

from kvmreconcile.errors import HostError
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.making import refresh


def name_of(volume: libvirt.virStorageVol) -> str | None:
    """Return a volume's name, None for a file whose name is no text: no spec can mean it."""
    try:
        return volume.name()
    except UnicodeDecodeError:
        return None


def refresh_stale(virt: libvirt.virConnect, names: Collection[str]) -> bool:
    """
    Refresh the active pools that do not list some of these volumes ("pool/name"), and return whether there are any.

    Raises nothing: where that fails, the next observation shows it.
    """
    wanted = {name.partition("/")[0] for name in names}
    is_any = False
    with suppress(HostError), translated("volumes"):
        for pool in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
            if pool.name() in wanted and not _lists(pool, names):
                is_any = True
                with suppress(HostError):
                    refresh(pool)
    return is_any


def _lists(pool: libvirt.virStoragePool, names: Collection[str]) -> bool:
    """Tell whether libvirt lists all volumes of a pool that are among some names."""
    listed = {name_of(volume) for volume in pool.listAllVolumes(0)}
    inside = f"{pool.name()}/"
    return listed.issuperset(name.removeprefix(inside) for name in names if name.startswith(inside))
