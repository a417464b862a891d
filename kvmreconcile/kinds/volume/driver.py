"""What can be done with libvirt's volumes. None that is in use is ever removed, and none overwritten."""

from collections.abc import Callable, Collection, Iterator, Mapping

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound, Rejected
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import translated
from kvmreconcile.host.listing import hidden
from kvmreconcile.kinds.volume.content import checked, receptacle, size_of
from kvmreconcile.kinds.volume.image import Image, opened
from kvmreconcile.kinds.volume.naming import named, unnamed
from kvmreconcile.kinds.volume.render import NAME
from kvmreconcile.kinds.volume.usage import Place, disks, mentions
from kvmreconcile.kinds.volume.users import place_of, users
from kvmreconcile.model import Action, Actual, Blind, Key, Observation, Unknown
from kvmreconcile.tree import Node, parse, to_xml
from kvmreconcile.tree.scalars import print_size

_MAY_BE_STALE = frozenset({libvirt.VIR_ERR_STORAGE_VOL_EXIST, libvirt.VIR_ERR_OPERATION_INVALID})
"""What libvirt answers if its list of a pool's volumes differs from what is on disk."""

_DELETE = {libvirt.VIR_ERR_OPERATION_INVALID: Busy}
"""While a volume "is still being allocated" or "in use" by libvirt itself."""
_REFRESH = {libvirt.VIR_ERR_INTERNAL_ERROR: Busy}
"""While the "pool has asynchronous jobs running", such as an upload whose client was just killed."""


class VolumeDriver:
    """The kind's driver."""

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read the volumes of all active pools, or those of the given names ("pool/name")."""
        objects: dict[Key, Actual | Unknown] = {}
        blind: list[Blind] = []
        virt = connection.virt
        try:
            with translated("volumes"):
                pools = virt.listAllStoragePools(0)
                active = {
                    p.name() for p in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
                }
                directories = {parse(p.XMLDesc(0)).get("target/path") or "": p.name() for p in pools}
        except HostError as error:
            return Observation(blind=(hidden(f"{NAME}/", error),))
        for pool in pools:
            name = pool.name()
            if names is not None and not any(n.startswith(f"{name}/") for n in names):
                continue
            if name not in active:
                why = f"the storage pool {name} is not active"
                blind.append(Blind(f"{NAME}/{name}/", why, until=Key("StoragePool", name)))
                continue
            try:
                objects |= {each.key: each for each in _read_all(pool, names, directories)}
            except NotFound:  # It was removed just now, and its volumes with it.
                continue
            except HostError as error:
                blind.append(hidden(f"{NAME}/{name}/", error))
        return Observation(objects, tuple(blind))

    def perform(self, connection: Connection, action: Action) -> None:
        """Do one step."""
        with translated(str(action.key)):
            _VERBS[action.verb](connection.virt, action)


def _read_all(
    pool: libvirt.virStoragePool, names: Collection[str] | None, directories: Mapping[str, str]
) -> Iterator[Actual | Unknown]:
    with translated(f"StoragePool/{pool.name()}"):
        volumes = pool.listAllVolumes(0)
    for volume in volumes:
        name = _name(volume)
        if name is None:
            continue
        key = Key(NAME, f"{pool.name()}/{name}")
        if names is not None and key.name not in names:
            continue
        try:
            with translated(str(key)):
                yield Actual(key, "", named(volume.XMLDesc(0), pool.name(), directories))
        except NotFound:
            # Its file was removed by hand; libvirt lists it until the pool is refreshed.
            continue
        except HostError as error:
            yield Unknown(key, str(error))


def _name(volume: libvirt.virStorageVol) -> str | None:
    """Return a volume's name, None for a file whose name is no text: no spec can mean it."""
    try:
        return volume.name()
    except UnicodeDecodeError:
        return None


def _pool(virt: libvirt.virConnect, key: Key) -> libvirt.virStoragePool:
    return virt.storagePoolLookupByName(key.name.partition("/")[0])


def _find(pool: libvirt.virStoragePool, key: Key) -> libvirt.virStorageVol | None:
    try:
        with translated(str(key)):
            return pool.storageVolLookupByName(key.name.partition("/")[2])
    except NotFound:
        return None


def _create(virt: libvirt.virConnect, action: Action) -> None:
    pool, definition = _pool(virt, action.key), action.definition
    wanted = size_of(definition)
    if action.content is None:
        _make(pool, unnamed(definition, *_backing(virt, definition)), action.key)
        return
    image = checked(action.key, definition, action.content)
    volume = _make(pool, receptacle(definition, image), action.key)
    _upload(virt, volume, image)
    _refresh(pool)
    made = _find(pool, action.key)
    if made is not None and wanted is not None and wanted > int(made.info()[1]):
        made.resize(wanted)


def _backing(virt: libvirt.virConnect, tree: Node) -> tuple[str, str]:
    """Return path and format of the backing volume that a definition names, "" where it names none."""
    pool, name = tree.get("backingStore/@pool"), tree.get("backingStore/@volume")
    if not pool or not name:
        return "", ""
    volume = virt.storagePoolLookupByName(pool).storageVolLookupByName(name)
    return volume.path(), parse(volume.XMLDesc(0)).get("target/format/@type") or ""


def _make(pool: libvirt.virStoragePool, definition: Node, key: Key) -> libvirt.virStorageVol:
    xml = to_xml(definition)
    try:
        return _create_validated(pool, xml, key)
    except HostError as error:
        if error.code not in _MAY_BE_STALE:
            raise
    _refresh(pool)
    if _find(pool, key) is not None:
        todo = 'set "adopt: true", give it another name, or remove it by hand'
        raise Rejected(f"{key}: it exists already, and no volume is ever overwritten; {todo}")
    return _create_validated(pool, xml, key)


def _create_validated(pool: libvirt.virStoragePool, xml: str, key: Key) -> libvirt.virStorageVol:
    try:
        with translated(str(key)):
            return pool.createXML(xml, libvirt.VIR_STORAGE_VOL_CREATE_VALIDATE)
    except Rejected as error:
        if error.code != libvirt.VIR_ERR_INVALID_ARG:
            raise
    # libvirt 9.0 validates, and then refuses its own flag (virStorageVolDefParseXML: "unsupported flags").
    with translated(str(key)):
        return pool.createXML(xml, 0)


def _upload(virt: libvirt.virConnect, volume: libvirt.virStorageVol, image: Image) -> None:
    stream = virt.newStream(0)
    with opened(image) as reader:
        volume.upload(stream, 0, image.size, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        stream.sparseSendAll(reader.read, reader.extent, reader.skip, None)
        stream.finish()


def _recreate(virt: libvirt.virConnect, action: Action) -> None:
    pool = _pool(virt, action.key)
    if action.content is not None and action.tree is not None:
        # What cannot be made again is not taken away.
        checked(action.key, action.tree, action.content)
    _refresh(pool)
    _remove(virt, action)
    _create(virt, action)


def _refresh(pool: libvirt.virStoragePool) -> None:
    with translated(f"StoragePool/{pool.name()}", _REFRESH):
        pool.refresh(0)


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        with translated(str(action.key)):
            pool = _pool(virt, action.key)
    except NotFound:
        return
    volume = _find(pool, action.key)
    if volume is None:
        return
    user = next(users(virt, place_of(action.key, volume)), None)
    if user is not None:
        raise Rejected(f"{action.key}: {user} uses it, and would lose its data; take it out there first")
    with translated(str(action.key), _DELETE):
        volume.delete(0)


def _resize(virt: libvirt.virConnect, action: Action) -> None:
    pool = _pool(virt, action.key)
    volume = pool.storageVolLookupByName(action.key.name.partition("/")[2])
    size, have = size_of(action.tree) if action.tree else None, int(volume.info()[1])
    if size is None or size == have:
        return
    if size < have:
        asked, todo = print_size(size), "which destroys data; make a new volume and copy what you need"
        raise Rejected(f"{action.key}: it would shrink from {print_size(have)} to {asked}, {todo}")
    place = place_of(action.key, volume)
    running = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    if sum(_resize_under(domain, size, place) for domain in running):
        _refresh(pool)
    else:
        volume.resize(size)


def _resize_under(domain: libvirt.virDomain, size: int, place: Place) -> bool:
    """Resize a volume through a running domain, as the image belongs to its QEMU; tell whether that has it."""
    tree = parse(domain.XMLDesc(0))
    targets = tuple(disks(tree, place))
    if not targets and mentions(tree, place):
        raise Rejected(
            f"{place.path}: the running domain {domain.name()} has a snapshot of it; stop it first"
        )
    for target in targets:
        domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    return bool(targets)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": _create,
    "recreate": _recreate,
    "replace": _recreate,
    "resize": _resize,
    "remove": _remove,
}
