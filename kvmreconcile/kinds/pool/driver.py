"""Observe and change storage pools with libvirt. The directory of a pool is never removed."""

from collections.abc import Callable, Collection, Mapping

import libvirt

from kvmreconcile.errors import Busy, HostError, NotFound, Rejected, Unsupported
from kvmreconcile.host.connection import Connection
from kvmreconcile.host.errors import ensure_state, translated
from kvmreconcile.host.events import Events
from kvmreconcile.host.listing import Calls, Filters, Flags, observe_kind
from kvmreconcile.kinds.pool.activation import activate, build_directory, read_xml, stored_xml
from kvmreconcile.kinds.pool.render import NAME
from kvmreconcile.model import Action, Actual, Key, Observation
from kvmreconcile.tree import parse, to_xml

_DEFINE = {
    libvirt.VIR_ERR_INTERNAL_ERROR: Unsupported,  # "missing backend for pool type"
    libvirt.VIR_ERR_OPERATION_FAILED: Rejected,  # "pool 'x' already exists with uuid"
}
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
    """Reads and changes storage pools."""

    events = _EVENTS

    def observe(self, connection: Connection, names: Collection[str] | None = None) -> Observation:
        """Read all pools, or the pools with the given names."""
        virt = connection.virt
        calls = Calls(virt.listAllStoragePools, virt.storagePoolLookupByName, _read)
        return observe_kind(NAME, calls, _FILTERS, names)

    def perform(self, connection: Connection, action: Action) -> None:
        """Execute one action."""
        with translated(str(action.key)):
            _VERBS[action.verb.name](connection.virt, action)


def _read(key: Key, pool: libvirt.virStoragePool, flags: Flags) -> Actual:
    live = read_xml(pool, 0) if flags.active else None
    return Actual(
        key=key,
        uuid=pool.UUIDString(),
        xml=stored_xml(pool),
        live_xml=live,
        available=_available(live) if live else None,
        active=flags.active,
        autostart=flags.autostart,
        persistent=flags.persistent,
    )


def _available(xml: str) -> int | None:
    """
    Return the free space of an active pool in bytes; None if libvirt reports none.

    The value is from libvirt's last count.
    """
    tree = parse(xml)
    left = tree.get("available") or ""
    return int(left) if left.isdigit() and tree.get("capacity") not in (None, "0") else None


def _find(virt: libvirt.virConnect, action: Action) -> libvirt.virStoragePool:
    return virt.storagePoolLookupByName(action.key.name)


def _define(virt: libvirt.virConnect, action: Action) -> None:
    with translated(str(action.key), _DEFINE):
        virt.storagePoolDefineXML(to_xml(action.definition), libvirt.VIR_STORAGE_POOL_DEFINE_VALIDATE)


def _build(virt: libvirt.virConnect, action: Action) -> None:
    build_directory(virt, _find(virt, action))


def _start(virt: libvirt.virConnect, action: Action) -> None:
    pool = _find(virt, action)
    if not pool.isActive():
        activate(virt, pool)


def _stop(virt: libvirt.virConnect, action: Action) -> None:
    pool = _find(virt, action)
    with translated(str(action.key), _STOP):
        ensure_state(pool.destroy, lambda: not pool.isActive())


def _restart(virt: libvirt.virConnect, action: Action) -> None:
    """Stop and start a pool. If its path was edited, create its directory."""
    pool = _find(virt, action)
    is_moved = _path(read_xml(pool, 0)) != _path(stored_xml(pool))
    _stop(virt, action)
    if is_moved:
        build_directory(virt, _find(virt, action))
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
    """
    Define a pool again with another UUID. Its volumes are kept.

    If libvirt rejects the new definition, the previous one is restored.
    """
    before = ""
    try:
        with translated(str(action.key)):
            pool = _find(virt, action)
            active, autostart = pool.isActive(), pool.autostart()
            before = stored_xml(pool) if pool.isPersistent() else ""
    except NotFound:
        active, autostart = 1, 0
    _remove(virt, action)
    try:
        _define(virt, action)
    except HostError:
        if before:
            _restore(virt, before, active=active, autostart=autostart)
        raise
    if autostart:
        _autostart(virt, action)
    if active:
        _start(virt, action)


def _restore(virt: libvirt.virConnect, xml: str, *, active: int, autostart: int) -> None:
    pool = virt.storagePoolDefineXML(xml, 0)
    pool.setAutostart(autostart)
    if active:
        activate(virt, pool)


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
