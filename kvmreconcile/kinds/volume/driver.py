"""Observe and change volumes with libvirt. A volume in use is never removed, and no volume is overwritten."""

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping

import libvirt

from kvmreconcile.errors import HostError, NotFound, Refused, Rejected
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.definitions import Definitions
from kvmreconcile.host.errors import translated
from kvmreconcile.host.listing import as_unobservable
from kvmreconcile.kinds.volume.content import size_of
from kvmreconcile.kinds.volume.creation import create_volume, make_volume, open_blueprint
from kvmreconcile.kinds.volume.naming import with_names
from kvmreconcile.kinds.volume.pool_refresh import find_unlisted, refresh_pools, volume_name
from kvmreconcile.kinds.volume.pools import check_space, delete_volume, find_volume, pool_of, refresh_pool
from kvmreconcile.kinds.volume.render import NAME
from kvmreconcile.kinds.volume.usage import VolumeNames, find_targets, refers_to
from kvmreconcile.kinds.volume.users import find_users, names_of_volume
from kvmreconcile.model import Action, Actual, Key, Observation, Unknown, Unobservable
from kvmreconcile.tree import Effect, Node, parse
from kvmreconcile.tree.scalars import print_size


class VolumeDriver:
    """Reads and changes volumes."""

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read the volumes of all active pools, or the volumes with the given names ("pool/name")."""
        objects: dict[Key, Actual | Unknown] = {}
        unobservable: list[Unobservable] = []
        virt = connection.virt
        try:
            with translated("volumes"):
                pools = virt.listAllStoragePools(0)
                active = {
                    p.name() for p in virt.listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
                }
                directories = {parse(p.XMLDesc(0)).get("target/path") or "": p.name() for p in pools}
        except HostError as error:
            return Observation(unobservable=(as_unobservable(f"{NAME}/", error),))
        for pool in pools:
            name = pool.name()
            if names is not None and not any(n.startswith(f"{name}/") for n in names):
                continue
            if name not in active:
                why = f"the storage pool {name} is not active"
                unobservable.append(Unobservable(f"{NAME}/{name}/", why, until=Key("StoragePool", name)))
                continue
            try:
                objects |= {each.key: each for each in _read_all(pool, names, directories)}
            except NotFound:  # The pool was removed meanwhile.
                continue
            except HostError as error:
                unobservable.append(as_unobservable(f"{NAME}/{name}/", error))
        return Observation(objects, tuple(unobservable))

    def unlisted(self, connection: Connection, names: Collection[str]) -> Mapping[str, Hashable | None]:
        """
        Return the volumes that libvirt's list of their active pool lacks, each with the state of the pool.

        Args:
            names: Names to check, as "pool/name".
        """
        return find_unlisted(connection, names)

    def refresh(self, connection: Connection, names: Collection[str]) -> Mapping[str, str]:
        """
        Refresh the active pools of the given volumes.

        Returns the volumes whose pool could not be refreshed, each with the reason.

        Args:
            names: Names of volumes, as "pool/name".
        """
        return refresh_pools(connection, names)

    def perform(self, connection: Connection, action: Action) -> None:
        """Execute one action."""
        with translated(str(action.key)):
            _VERBS[action.verb.name](connection.virt, action)


def _read_all(
    pool: libvirt.virStoragePool, names: Collection[str] | None, directories: Mapping[str, str]
) -> Iterator[Actual | Unknown]:
    with translated(f"StoragePool/{pool.name()}"):
        volumes = pool.listAllVolumes(0)
    for volume in volumes:
        name = volume_name(volume)
        if name is None:
            continue
        key = Key(NAME, f"{pool.name()}/{name}")
        if names is not None and key.name not in names:
            continue
        try:
            with translated(str(key)):
                yield Actual(key, "", with_names(volume.XMLDesc(0), pool.name(), directories))
        except NotFound:
            # Its file was deleted; libvirt lists the volume until the pool is refreshed.
            continue
        except HostError as error:
            yield Unknown(key, str(error))


def _recreate(virt: libvirt.virConnect, action: Action) -> None:
    # A volume is deleted only if it can be created again. An unfinished volume of an earlier run is always deleted.
    with open_blueprint(virt, action) as blueprint:
        pool = pool_of(virt, action.key)
        refresh_pool(pool)
        volume = find_volume(pool, action.key)
        if volume is not None and action.effect >= Effect.REPLACE:
            check_space(pool, action.key, blueprint.needed, freed=int(volume.info()[2]))
        _remove(virt, action)
        make_volume(virt, action.key, blueprint)


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        with translated(str(action.key)):
            pool = pool_of(virt, action.key)
    except NotFound:
        return
    volume = find_volume(pool, action.key)
    if volume is None:
        return
    user = next(find_users(virt, names_of_volume(action.key, volume)), None)
    if user is not None:
        todo = f"change or remove {user} first (for a running guest, also its live definition)"
        raise Rejected(f"{action.key}: it is in use by {user}; {todo}")
    delete_volume(volume, action.key)


def _resize(virt: libvirt.virConnect, action: Action) -> None:
    pool = pool_of(virt, action.key)
    volume = pool.storageVolLookupByName(action.key.name.partition("/")[2])
    size, have = size_of(action.tree) if action.tree else None, int(volume.info()[1])
    if size is None or size == have:
        return
    if size < have:
        what = f"shrinking the volume from {print_size(have)} to {print_size(size)} would destroy data"
        todo = "increase the capacity in the spec, or create a smaller volume and copy the data"
        raise Rejected(f"{action.key}: {what}; {todo}")
    place = names_of_volume(action.key, volume)
    running, definitions = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE), Definitions(virt)
    if sum(_resize_under(domain, parse(definitions.read(domain)), size, place) for domain in running):
        refresh_pool(pool)
    else:
        volume.resize(size)


def _resize_under(domain: libvirt.virDomain, tree: Node, size: int, place: VolumeNames) -> bool:
    """
    Resize a volume through a running domain whose QEMU has the image open.

    Returns whether the domain uses the volume, so that the volume was resized.
    """
    targets = tuple(find_targets(tree, place))
    if not targets and refers_to(tree, place):
        raise Refused(
            f"{place.path}: the running domain {domain.name()} uses this volume, but not as the active "
            f"image of a disk (an overlay or a snapshot may be based on it); shut the domain down first"
        )
    for target in targets:
        domain.blockResize(target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    return bool(targets)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": create_volume,
    "recreate": _recreate,
    "replace": _recreate,
    "resize": _resize,
    "remove": _remove,
}
