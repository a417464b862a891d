"""
Create volumes in storage pools: empty volumes, and copies of local files.

If a copy fails, the new volume is deleted. If a copy is interrupted because the process is killed or the
connection is lost, the state records the volume as unfinished, and the next pass creates it again.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from io import FileIO

import libvirt

from kvmreconcile.errors import Busy, HostError, NoRoom, Rejected
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.content import (
    empty_definition,
    examine,
    find_wrong_checksum,
    needed_bytes,
    rounded_size,
    size_of,
)
from kvmreconcile.kinds.volume.image import Image, Unusable, check_unchanged, open_image
from kvmreconcile.kinds.volume.naming import without_names
from kvmreconcile.kinds.volume.pools import (
    FREE_SPACE,
    check_space,
    delete_volume,
    find_volume,
    pool_of,
    refresh_pool,
    refresh_when_idle,
)
from kvmreconcile.kinds.volume.upload import upload
from kvmreconcile.kinds.volume.users import find_users, names_of_volume
from kvmreconcile.model import Action, Content, Key, Obstacle
from kvmreconcile.tree import Node, parse, to_xml

_MAY_BE_STALE = frozenset({libvirt.VIR_ERR_STORAGE_VOL_EXIST, libvirt.VIR_ERR_OPERATION_INVALID})
"""libvirt's errors if its list of a pool's volumes is outdated."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """
    The data for creating a volume.

    Attributes:
        definition: The definition for libvirt.
        capacity: The final capacity in bytes; None to keep the capacity of the copied image.
        needed: The space that the volume occupies in its pool, in bytes.
        source: The open file that is copied into the volume, and its properties; None for an empty volume.
    """

    definition: Node
    capacity: int | None
    needed: int
    source: tuple[FileIO, Image] | None = None


@contextmanager
def open_blueprint(virt: libvirt.virConnect, action: Action) -> Iterator[Blueprint]:
    """
    Yield the blueprint of a volume. A file that is to be copied is kept open.

    Raises:
        Rejected: The file cannot be used.
        HostError: The file cannot be read.
    """
    definition, capacity = action.definition, size_of(action.definition)
    if action.content is None:
        empty = without_names(definition, *_backing(virt, definition))
        yield Blueprint(empty, capacity, needed_bytes(empty))
        return
    with _open_source(action.key, definition, action.content) as (file, image):
        empty = empty_definition(definition, image)
        yield Blueprint(empty, capacity, needed_bytes(empty, file), (file, image))


def create_volume(virt: libvirt.virConnect, action: Action) -> None:
    """Create a volume, either empty or as a copy of a file."""
    with open_blueprint(virt, action) as blueprint:
        # libvirt creates an empty volume while a job of another tool runs in the pool, but a copy needs a refresh at its
        # end, which fails during such a job. libvirt does not overwrite a file, whether it is listed or not.
        with nullcontext() if blueprint.source else suppress(Busy):
            refresh_pool(pool_of(virt, action.key))
        make_volume(virt, action.key, blueprint)


def make_volume(virt: libvirt.virConnect, key: Key, blueprint: Blueprint) -> None:
    """Create a volume that does not exist, from a blueprint."""
    pool = pool_of(virt, key)
    check_space(pool, key, blueprint.needed)
    volume = _create(pool, blueprint.definition, key)
    if blueprint.source:
        with _delete_on_failure(virt, (pool, volume), key, blueprint.needed):
            upload(virt, volume, *blueprint.source)
            check_unchanged(*blueprint.source)
            refresh_when_idle(pool)
            _grow(find_volume(pool, key), blueprint.capacity)


@contextmanager
def _open_source(key: Key, definition: Node, content: Content) -> Iterator[tuple[FileIO, Image]]:
    """Open the file from which a volume is filled, and check it."""
    try:
        with open_image(content.path, content.below) as file:
            found = examine(file, definition, content)
            if isinstance(found, Obstacle):
                raise Rejected(f"{key}: {found}")
            if wrong := find_wrong_checksum(file, content):
                raise Rejected(f"{key}: {wrong}")
            yield file, found
    except Unusable as error:
        raise Rejected(f"{key}: {error}") from None
    except OSError as error:
        todo = "check its file system (dmesg)"
        raise HostError(f"{key}: cannot read {content.path}: {error.strerror}; {todo}") from error


@contextmanager
def _delete_on_failure(
    virt: libvirt.virConnect,
    made: tuple[libvirt.virStoragePool, libvirt.virStorageVol],
    key: Key,
    needed: int,
) -> Iterator[None]:
    """
    Delete a new volume if it cannot be completed.

    If the connection is lost, the volume is left unfinished.

    Args:
        made: The pool and the new volume.
        needed: The space that the volume needs, in bytes.
    """
    pool, volume = made
    with ExitStack() as undo:
        undo.callback(_discard, virt, volume, key)
        try:
            with translated(str(key)):
                yield
        except NoRoom as error:
            # The error has no pool: it must not be retried when libvirt counts more free space.
            undo.close()
            with suppress(HostError):
                refresh_pool(pool)
            left = (
                f"the volume needs {rounded_size(needed)}, "
                f"but only {rounded_size(int(pool.info()[3]))} are free now"
            )
            what = f"the pool {pool.name()} ran out of space or quota during the copy: {left}"
            raise NoRoom(f"{key}: {what}; {FREE_SPACE}") from error
        undo.pop_all()


def _discard(virt: libvirt.virConnect, volume: libvirt.virStorageVol, key: Key) -> None:
    """
    Delete a new volume, unless a domain or volume already uses it.

    Errors are ignored, since the next pass deletes the volume.
    """
    with suppress(HostError), translated(str(key)):
        if next(find_users(virt, names_of_volume(key, volume)), None) is None:
            delete_volume(volume, key)


def _backing(virt: libvirt.virConnect, tree: Node) -> tuple[str, str]:
    """Return the path and the format of a definition's backing volume; "" for both if it has none."""
    pool, name = tree.get("backingStore/@pool"), tree.get("backingStore/@volume")
    if not pool or not name:
        return "", ""
    volume = virt.storagePoolLookupByName(pool).storageVolLookupByName(name)
    return volume.path(), parse(volume.XMLDesc(0)).get("target/format/@type") or ""


def _create(pool: libvirt.virStoragePool, definition: Node, key: Key) -> libvirt.virStorageVol:
    xml = to_xml(definition)
    try:
        return _create_validated(pool, xml, key)
    except HostError as error:
        if error.code not in _MAY_BE_STALE:
            raise
    refresh_pool(pool)
    if find_volume(pool, key) is not None:
        todo = (
            'set "adopt: true" in the spec to adopt it, choose another name, or remove the existing '
            "volume manually"
        )
        raise Rejected(
            f"{key}: the volume exists already, and existing volumes are never overwritten; {todo}"
        )
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


def _grow(volume: libvirt.virStorageVol | None, wanted: int | None) -> None:
    if volume is not None and wanted is not None and wanted > int(volume.info()[1]):
        volume.resize(wanted)
