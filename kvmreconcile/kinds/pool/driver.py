"""What can be done with libvirt's storage pools. The directory of a pool is never removed."""

import errno
import os
from collections.abc import Callable, Collection, Mapping

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound, Rejected, Unavailable, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import ensure_state, translated
from kvmreconcile.host.events import Events
from kvmreconcile.host.listing import Calls, Filters, Flags, observe_kind
from kvmreconcile.kinds.pool.render import NAME
from kvmreconcile.kinds.pool.rules import RULES
from kvmreconcile.model import Action, Actual, Key, Observation
from kvmreconcile.tree import Node, is_satisfied_by, parse, to_xml

_LIVE = 0
_PERMISSIONS = "target/permissions"
_DIRECTORIES = frozenset({"dir", "fs", "netfs"})
"""Types of which "build" makes a directory; elsewhere it would format what is there."""
_DEFINE = {
    libvirt.VIR_ERR_INTERNAL_ERROR: Unsupported,  # "missing backend for pool type"
    libvirt.VIR_ERR_OPERATION_FAILED: Rejected,  # "pool 'x' already exists with uuid"
}
_ABSENT = os.strerror(errno.ENOENT)
"""How libvirt's message ends about a pool whose directory is missing."""
_MISSING = (
    "mount the file system of the directory, or create the directory "
    "(kvmreconcile creates it only for a new pool or path)"
)
_STOP = {
    libvirt.VIR_ERR_INTERNAL_ERROR: Busy,  # "pool has asynchronous jobs running"
}


_FILTERS = Filters(
    active=libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE,
    autostart=libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_AUTOSTART,
    persistent=libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_PERSISTENT,
)


_EVENTS = Events(
    "storagePool", (libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, libvirt.VIR_STORAGE_POOL_EVENT_ID_REFRESH)
)


class PoolDriver:
    """The kind's driver."""

    events = _EVENTS

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read all pools, or those of the given names."""
        virt = connection.virt
        calls = Calls(virt.listAllStoragePools, virt.storagePoolLookupByName, _read)
        return observe_kind(NAME, calls, _FILTERS, names)

    def perform(self, connection: Connection, action: Action) -> None:
        """Do one step."""
        with translated(str(action.key)):
            _VERBS[action.verb.name](connection.virt, action)


def _read(key: Key, pool: libvirt.virStoragePool, flags: Flags) -> Actual:
    live = _xml(pool, _LIVE) if flags.active else None
    return Actual(
        key=key,
        uuid=pool.UUIDString(),
        xml=_persistent(pool),
        live_xml=live,
        available=_available(live) if live else None,
        active=flags.active,
        autostart=flags.autostart,
        persistent=flags.persistent,
    )


def _available(xml: str) -> int | None:
    """Return how many bytes an active pool has left, as libvirt last counted them; None if it says nothing of that."""
    tree = parse(xml)
    left = tree.get("available") or ""
    return int(left) if left.isdigit() and tree.get("capacity") not in (None, "0") else None


def _persistent(pool: libvirt.virStoragePool) -> str:
    try:
        return _xml(pool, libvirt.VIR_STORAGE_XML_INACTIVE)
    except Rejected:
        # The test driver knows no flag here, and keeps one definition only.
        return _xml(pool, _LIVE)


def _xml(pool: libvirt.virStoragePool, flags: int) -> str:
    with translated(f"{NAME}/{pool.name()}"):
        return str(pool.XMLDesc(flags))


def _find(virt: libvirt.virConnect, action: Action) -> libvirt.virStoragePool:
    return virt.storagePoolLookupByName(action.key.name)


def _define(virt: libvirt.virConnect, action: Action) -> None:
    with translated(str(action.key), _DEFINE):
        virt.storagePoolDefineXML(to_xml(action.definition), libvirt.VIR_STORAGE_POOL_DEFINE_VALIDATE)


def _build(virt: libvirt.virConnect, action: Action) -> None:
    """Make the directory of a pool that is about to be started, if it is missing."""
    pool = _find(virt, action)
    wanted = _persistent(pool)
    if pool.isActive() or not _is_directory(wanted):
        return
    try:
        with translated(f"{NAME}/{pool.name()}"):
            pool.create(0)
    except Unavailable:
        raise
    except HostError:
        # Only now: to build sets the mode of a directory that exists, and takes its sticky bit away.
        pool.build(0)
    else:
        _set_mode(virt, pool, wanted)


def _is_directory(xml: str) -> bool:
    return parse(xml).attr("type") in _DIRECTORIES


def _start(virt: libvirt.virConnect, action: Action) -> None:
    pool = _find(virt, action)
    if not pool.isActive():
        _activate(virt, pool)


def _activate(virt: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
    """
    Start a pool, and set the mode of its directory where that differs.

    A directory that is missing is not made: it may be on a disk that is not mounted, and guests would be started on
    what is created in its stead.
    """
    wanted = _persistent(pool)
    try:
        with translated(f"{NAME}/{pool.name()}"):
            ensure_state(lambda: pool.create(0), lambda: bool(pool.isActive()))
    except HostError as error:
        # Of other types a mount may have failed, of whose source the system says the same.
        is_absent = parse(wanted).attr("type") == "dir" and _ABSENT in str(error)
        if not is_absent or isinstance(error, Unavailable):
            raise
        raise type(error)(f"{error}; {_MISSING}", error.code, error.domain) from error
    _set_mode(virt, pool, wanted)


def _set_mode(virt: libvirt.virConnect, pool: libvirt.virStoragePool, wanted: str) -> None:
    """Give the directory of a pool that was just started the mode of its definition, where that differs."""
    if _is_directory(wanted) and not _has_mode(pool, wanted):
        # To start overwrites the definition's mode by the directory's, and only to build sets it. To build
        # always would take a sticky bit away, which libvirt does not report.
        pool.destroy()
        virt.storagePoolDefineXML(wanted, 0)
        pool.build(0)
        pool.create(0)


def _has_mode(pool: libvirt.virStoragePool, wanted: str) -> bool:
    """Tell whether a running pool's directory is as the definition has it; a label is the host's affair."""
    found = parse(_persistent(pool)).find(_PERMISSIONS) or Node("permissions")
    permissions = (parse(wanted).find(_PERMISSIONS) or Node("permissions")).without("label")
    return is_satisfied_by(permissions, found, RULES, _PERMISSIONS)


def _stop(virt: libvirt.virConnect, action: Action) -> None:
    pool = _find(virt, action)
    with translated(str(action.key), _STOP):
        ensure_state(pool.destroy, lambda: not pool.isActive())


def _restart(virt: libvirt.virConnect, action: Action) -> None:
    """Stop a pool and start it, with the directory made of one whose path was edited."""
    pool = _find(virt, action)
    is_moved = _path(_xml(pool, _LIVE)) != _path(_persistent(pool))
    _stop(virt, action)
    if is_moved:
        _build(virt, action)
    _start(virt, action)


def _path(xml: str) -> str | None:
    return parse(xml).get("target/path")


def _autostart(virt: libvirt.virConnect, action: Action) -> None:
    _find(virt, action).setAutostart(1)


def _no_autostart(virt: libvirt.virConnect, action: Action) -> None:
    _find(virt, action).setAutostart(0)


def _remove(virt: libvirt.virConnect, action: Action) -> None:
    try:
        with translated(str(action.key)):
            _stop(virt, action)
            # A transient pool is gone once it is stopped.
            _find(virt, action).undefine()
    except NotFound:
        return


def _replace(virt: libvirt.virConnect, action: Action) -> None:
    """Define a pool anew under another UUID, or put back what was, if that is refused; its volumes stay where they are."""
    before = ""
    try:
        with translated(str(action.key)):
            pool = _find(virt, action)
            active, autostart = pool.isActive(), pool.autostart()
            before = _persistent(pool) if pool.isPersistent() else ""
    except NotFound:
        active, autostart = 1, 0
    _remove(virt, action)
    try:
        _define(virt, action)
    except HostError:
        if before:
            _put_back(virt, before, active=active, autostart=autostart)
        raise
    if autostart:
        _autostart(virt, action)
    if active:
        _start(virt, action)


def _put_back(virt: libvirt.virConnect, xml: str, *, active: int, autostart: int) -> None:
    pool = virt.storagePoolDefineXML(xml, 0)
    pool.setAutostart(autostart)
    if active:
        _activate(virt, pool)


_VERBS: Mapping[str, Callable[[libvirt.virConnect, Action], None]] = {
    "create": _define,
    "define": _define,
    "build": _build,
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "autostart": _autostart,
    "no-autostart": _no_autostart,
    "replace": _replace,
    "remove": _remove,
}
