"""Who uses a volume on a host, asked of libvirt; what counts as a use is in `usage`."""

from collections.abc import Iterator

import libvirt

from kvmreconcile.errors import NotFound
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.render import NAME
from kvmreconcile.kinds.volume.usage import Place, refers_to
from kvmreconcile.model import Key
from kvmreconcile.tree import Node, parse


def place_of(key: Key, volume: libvirt.virStorageVol) -> Place:
    """Return all that others may call a volume."""
    pool, _, name = key.name.partition("/")
    return Place(pool, name, volume.path())


def users(virt: libvirt.virConnect, place: Place) -> Iterator[str]:
    """Yield who uses a volume on this host: domains, running or not, ours or not, and other volumes."""
    definitions = Definitions(virt)
    for domain in virt.listAllDomains(0):
        if any(refers_to(tree, place) for tree in _definitions(domain, definitions)):
            yield f"Domain/{domain.name()}"
    for pool in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE):
        built_on_it = (v for v in pool.listAllVolumes(0) if _backing(v) == place.path)
        yield from (f"{NAME}/{pool.name()}/{volume.name()}" for volume in built_on_it)


def _backing(volume: libvirt.virStorageVol) -> str | None:
    """Return the path of the image that a volume is built on, None if there is none or the volume has just gone."""
    try:
        with translated(volume.name()):
            return parse(volume.XMLDesc(0)).get("backingStore/path")
    except NotFound:
        return None


def _definitions(domain: libvirt.virDomain, definitions: Definitions) -> Iterator[Node]:
    """Yield both definitions of a domain, none of one that has just gone."""
    for flags in (libvirt.VIR_DOMAIN_XML_INACTIVE, 0):
        try:
            with translated(domain.name()):
                yield parse(definitions.read(domain, flags))
        except NotFound:
            return
