"""Find the domains and volumes of a host that use a volume."""

from collections.abc import Iterator

import libvirt

from kvmreconcile.errors import NotFound
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.render import NAME
from kvmreconcile.kinds.volume.usage import VolumeNames, refers_to
from kvmreconcile.model import Key
from kvmreconcile.tree import Node, parse


def names_of_volume(key: Key, volume: libvirt.virStorageVol) -> VolumeNames:
    """Return the names by which definitions may refer to a volume."""
    pool, _, name = key.name.partition("/")
    return VolumeNames(pool, name, volume.path())


def find_users(virt: libvirt.virConnect, place: VolumeNames) -> Iterator[str]:
    """
    Yield the domains and volumes that use a volume.

    Inactive domains and domains without a spec are included.
    """
    definitions = Definitions(virt)
    for domain in virt.listAllDomains(0):
        if any(refers_to(tree, place) for tree in _definitions(domain, definitions)):
            yield f"Domain/{domain.name()}"
    for pool in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        based_on_it = (v for v in pool.listAllVolumes(0) if _backing(v) == place.path)
        yield from (f"{NAME}/{pool.name()}/{volume.name()}" for volume in based_on_it)


def _backing(volume: libvirt.virStorageVol) -> str | None:
    """Return the path of a volume's backing image; None if it has none or the volume no longer exists."""
    try:
        with translated(volume.name()):
            return parse(volume.XMLDesc(0)).get("backingStore/path")
    except NotFound:
        return None


def _definitions(domain: libvirt.virDomain, definitions: Definitions) -> Iterator[Node]:
    """Yield the stored and the live definition of a domain; nothing if it no longer exists."""
    for flags in (libvirt.VIR_DOMAIN_XML_INACTIVE, 0):
        try:
            with translated(domain.name()):
                yield parse(definitions.read(domain, flags))
        except NotFound:
            return
