"""
Make volumes in storage pools: empty ones, and copies of a local file.

Nothing half made stays: a copy that fails is deleted again, and one that is cut off by a kill or a lost connection is
known as unfinished by the state, and made again by the next pass.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from io import FileIO
from time import monotonic, sleep

import libvirt

from kvmreconcile.errors import Busy, HostError, NoRoom, NotFound, Rejected
from kvmreconcile.host.errors import translated
from kvmreconcile.kinds.volume.content import about, examined, receptacle, room_for, size_of, wrong_sum
from kvmreconcile.kinds.volume.image import Image, Reader, Unusable, check_unchanged, opened
from kvmreconcile.kinds.volume.naming import unnamed
from kvmreconcile.kinds.volume.users import place_of, users
from kvmreconcile.model import Action, Content, Key, Obstacle
from kvmreconcile.tree import Node, parse, to_xml
from kvmreconcile.tree.scalars import print_size

_MAY_BE_STALE = frozenset({libvirt.VIR_ERR_STORAGE_VOL_EXIST, libvirt.VIR_ERR_OPERATION_INVALID})
"""What libvirt answers if its list of a pool's volumes differs from what is on disk."""
_DELETE = {libvirt.VIR_ERR_OPERATION_INVALID: Busy}
"""While a volume "is still being allocated" or "in use" by libvirt itself."""
_REFRESH = {libvirt.VIR_ERR_INTERNAL_ERROR: Busy}
"""While the "pool has asynchronous jobs running", such as an upload whose client was just killed."""
_MAKE_ROOM = "free space in the pool, or name another pool"
_SET_LESS_ASIDE = '; an empty volume of the format raw or iso needs no space with "allocation: 0B"'
"""libvirt sets all of its capacity aside where nothing is said."""
_PATIENCE_S, _PAUSE_S = 30.0, 0.5
"""How long a pool that is busy is asked again."""
_FILE_SYSTEMS = frozenset({"dir", "fs", "netfs"})
"""Types of pools whose volumes are files of one file system, where a hole takes no room."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """
    A volume that can be made.

    Attributes:
        definition: What libvirt is given.
        capacity: What it is to have in the end, in bytes; None for what it then has.
        needed: How many bytes it takes of its pool.
        source: The open file that is copied into it, and what that says of itself; None for an empty volume.
    """

    definition: Node
    capacity: int | None
    needed: int
    source: tuple[FileIO, Image] | None = None


@contextmanager
def planned(virt: libvirt.virConnect, action: Action) -> Iterator[Blueprint]:
    """
    Return what making a volume takes, and keep the file open that it is to be a copy of.

    Raises:
        Rejected: That file cannot be used.
        HostError: It was written to meanwhile, or can no longer be read.
    """
    definition, capacity = action.definition, size_of(action.definition)
    if action.content is None:
        empty = unnamed(definition, *_backing(virt, definition))
        yield Blueprint(empty, capacity, room_for(empty))
        return
    with _opened(action.key, definition, action.content) as (file, image):
        empty = receptacle(definition, image)
        yield Blueprint(empty, capacity, room_for(empty, file), (file, image))


def create(virt: libvirt.virConnect, action: Action) -> None:
    """Make a volume, empty or as a copy of a file."""
    with planned(virt, action) as blueprint:
        # libvirt has no job to make an empty volume, and makes it beside a job of another tool; a copy cannot be
        # completed as long as that runs. A file that exists is not overwritten, listed or not.
        with nullcontext() if blueprint.source else suppress(Busy):
            refresh(pool_of(virt, action.key))
        make(virt, action.key, blueprint)


def make(virt: libvirt.virConnect, key: Key, blueprint: Blueprint) -> None:
    """Make a volume of which there is none."""
    pool = pool_of(virt, key)
    check_room(pool, key, blueprint.needed)
    volume = _make(pool, blueprint.definition, key)
    if blueprint.source:
        with _whole_or_gone(virt, (pool, volume), key, blueprint.needed):
            _upload(virt, volume, *blueprint.source)
            check_unchanged(*blueprint.source)
            _refresh_patiently(pool)
            _grow(find(pool, key), blueprint.capacity)


def pool_of(virt: libvirt.virConnect, key: Key) -> libvirt.virStoragePool:
    """Return the pool that a volume is in."""
    return virt.storagePoolLookupByName(key.name.partition("/")[0])


def find(pool: libvirt.virStoragePool, key: Key) -> libvirt.virStorageVol | None:
    """Return a volume, None if there is none of its name."""
    try:
        with translated(str(key)):
            return pool.storageVolLookupByName(key.name.partition("/")[2])
    except NotFound:
        return None


def refresh(pool: libvirt.virStoragePool) -> None:
    """Have libvirt look at what is in a pool."""
    with translated(f"StoragePool/{pool.name()}", _REFRESH):
        pool.refresh(0)


def _refresh_patiently(pool: libvirt.virStoragePool) -> None:
    """Refresh a pool once no job of another tool is running in it."""
    give_up_s = monotonic() + _PATIENCE_S
    while monotonic() < give_up_s:
        with suppress(Busy):
            refresh(pool)
            return
        sleep(_PAUSE_S)
    refresh(pool)


def delete(volume: libvirt.virStorageVol, key: Key) -> None:
    """Delete a volume with all that is in it."""
    with translated(str(key), _DELETE):
        volume.delete(0)


@contextmanager
def _opened(key: Key, definition: Node, content: Content) -> Iterator[tuple[FileIO, Image]]:
    """Open the file that a volume is to start as, if it can be used."""
    try:
        with opened(content.path, content.below) as file:
            found = examined(file, definition, content)
            if isinstance(found, Obstacle):
                raise Rejected(f"{key}: {found}")
            if wrong := wrong_sum(file, content):
                raise Rejected(f"{key}: {wrong}")
            yield file, found
    except Unusable as error:
        raise Rejected(f"{key}: {error}") from None
    except OSError as error:
        todo = "check the file system that it is on (dmesg)"
        raise HostError(f"{key}: cannot read {content.path}: {error.strerror}; {todo}") from error


def check_room(pool: libvirt.virStoragePool, key: Key, needed: int, freed: int = 0) -> None:
    """
    Make sure that a pool has room, as libvirt last counted; one that is no file system refuses by itself.

    Args:
        freed: How many bytes will be given back before.

    Raises:
        NoRoom: It has not.
    """
    if not needed or parse(pool.XMLDesc(0)).attr("type") not in _FILE_SYSTEMS:
        return
    if _has(pool, needed - freed):
        return
    with suppress(Busy):
        # Only then libvirt counts what others than itself have removed.
        refresh(pool)
    if not _has(pool, needed - freed):
        name, left = pool.name(), int(pool.info()[3]) + freed
        sizes = about(needed), about(left)
        if sizes[0] == sizes[1]:
            sizes = print_size(needed, left), print_size(left, needed)
        then = " once the old volume is deleted" if freed else ""
        what = f"it needs {sizes[0]}, but only {sizes[1]} are free in the pool {name}{then}"
        todo = f"{_MAKE_ROOM}{_SET_LESS_ASIDE}"
        raise NoRoom(f"{key}: {what}; {todo}", pool=f"StoragePool/{name}", needed=needed)


def _has(pool: libvirt.virStoragePool, needed: int) -> bool:
    """Tell whether a pool has room, as libvirt last counted; one of which it knows no size may have."""
    _, capacity, _, available = map(int, pool.info())
    return not capacity or available >= needed


@contextmanager
def _whole_or_gone(
    virt: libvirt.virConnect,
    made: tuple[libvirt.virStoragePool, libvirt.virStorageVol],
    key: Key,
    needed: int,
) -> Iterator[None]:
    """Delete a volume that was just made if it cannot be completed; over a lost connection it stays, unfinished."""
    pool, volume = made
    with ExitStack() as undo:
        undo.callback(_discard, virt, volume, key)
        try:
            with translated(str(key)):
                yield
        except NoRoom as error:
            # The error does not say which pool: more room than libvirt counts there would be no reason to try again.
            undo.close()
            with suppress(HostError):
                refresh(pool)
            left = f"the volume needs {about(needed)}, and {about(int(pool.info()[3]))} are free now"
            what = f"the pool {pool.name()} ran out of space or quota during the copy: {left}"
            raise NoRoom(f"{key}: {what}; {_MAKE_ROOM}") from error
        undo.pop_all()


def _discard(virt: libvirt.virConnect, volume: libvirt.virStorageVol, key: Key) -> None:
    """Delete a volume that was just made, unless somebody uses it already; if that fails, the next pass does."""
    with suppress(HostError), translated(str(key)):
        if next(users(virt, place_of(key, volume)), None) is None:
            delete(volume, key)


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
    refresh(pool)
    if find(pool, key) is not None:
        todo = (
            'with "adopt: true" in its spec, the next pass or run adopts it; otherwise choose another name, '
            "or remove the existing volume by hand"
        )
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


def _upload(virt: libvirt.virConnect, volume: libvirt.virStorageVol, file: FileIO, image: Image) -> None:
    stream, reader = virt.newStream(0), Reader(file, image.size)
    with ExitStack() as undo:
        # Else libvirt's end of it writes on, into a file that was deleted.
        undo.callback(_abort, stream)
        file.seek(0)
        volume.upload(stream, 0, image.size, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        stream.sparseSendAll(reader.read, reader.extent, reader.skip, None)
        stream.finish()
        undo.pop_all()


def _abort(stream: libvirt.virStream) -> None:
    with suppress(HostError), translated("stream"):
        stream.abort()


def _grow(volume: libvirt.virStorageVol | None, wanted: int | None) -> None:
    if volume is not None and wanted is not None and wanted > int(volume.info()[1]):
        volume.resize(wanted)
