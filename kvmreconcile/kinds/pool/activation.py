"""
Start storage pools, create their directories and set the directory mode.

A start never creates a directory: it may be on a file system that is not mounted.
"""

import errno
import os

import libvirt

from kvmreconcile.errors import HostError, Rejected, Unavailable
from kvmreconcile.host.errors import ensure_state, translated
from kvmreconcile.kinds.pool.render import NAME
from kvmreconcile.kinds.pool.rules import RULES
from kvmreconcile.tree import Node, is_satisfied_by, parse

_PERMISSIONS = "target/permissions"
_DIRECTORIES = frozenset({"dir", "fs", "netfs"})
"""Types for which "build" creates a directory; for others it would format the device."""
_NO_DIRECTORY = os.strerror(errno.ENOENT)
"""The end of libvirt's error message if the directory of a pool is missing."""
_MISSING = (
    "mount the file system of the directory, or create the directory "
    "(kvmreconcile creates it only for a new pool or path)"
)


def stored_xml(pool: libvirt.virStoragePool) -> str:
    """Return the stored definition of a pool."""
    try:
        return read_xml(pool, libvirt.VIR_STORAGE_XML_INACTIVE)
    except Rejected:
        # libvirt's test driver has only one definition, and no flag for the stored one.
        return read_xml(pool, 0)


def read_xml(pool: libvirt.virStoragePool, flags: int) -> str:
    """
    Return a definition of a pool.

    Args:
        flags: 0 for the live definition; otherwise libvirt's flags that select a definition.
    """
    with translated(f"{NAME}/{pool.name()}"):
        return str(pool.XMLDesc(flags))


def build_directory(virt: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
    """
    Create the directory of a pool if it is missing, and start the pool if possible.

    Nothing is done for active pools and for pool types without a directory.
    """
    wanted = stored_xml(pool)
    if pool.isActive() or not _is_directory(wanted):
        return
    try:
        with translated(f"{NAME}/{pool.name()}"):
            pool.create(0)
    except Unavailable:
        raise
    except HostError:
        # Only if the start failed: building sets the mode of an existing directory, and clears its sticky bit.
        pool.build(0)
    else:
        _set_mode(virt, pool, wanted)


def _is_directory(xml: str) -> bool:
    return parse(xml).attr("type") in _DIRECTORIES


def activate(virt: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
    """
    Start a pool, and set the mode of its directory if the mode differs.

    A missing directory is not created: it may be on a file system that is not mounted, and guests would
    then be started with new, empty disks.
    """
    wanted = stored_xml(pool)
    try:
        with translated(f"{NAME}/{pool.name()}"):
            ensure_state(lambda: pool.create(0), lambda: bool(pool.isActive()))
    except HostError as error:
        # For other types a mount may have failed, with the same error about its source.
        is_absent = parse(wanted).attr("type") == "dir" and _NO_DIRECTORY in str(error)
        if not is_absent or isinstance(error, Unavailable):
            raise
        raise type(error)(f"{error}; {_MISSING}", error.code, error.domain) from error
    _set_mode(virt, pool, wanted)


def _set_mode(virt: libvirt.virConnect, pool: libvirt.virStoragePool, wanted: str) -> None:
    """
    Set the mode of a pool's directory to the mode in the pool's definition, if they differ.

    Args:
        wanted: The definition with which the pool was started.
    """
    if _is_directory(wanted) and not _has_mode(pool, wanted):
        # A start overwrites the mode in the definition with that of the directory; only a build sets it. Building
        # always would clear a sticky bit, which libvirt does not report.
        pool.destroy()
        virt.storagePoolDefineXML(wanted, 0)
        pool.build(0)
        pool.create(0)


def _has_mode(pool: libvirt.virStoragePool, wanted: str) -> bool:
    """
    Return whether the directory of an active pool has the permissions of a definition.

    The security label is ignored.
    """
    found = parse(stored_xml(pool)).find(_PERMISSIONS) or Node("permissions")
    permissions = (parse(wanted).find(_PERMISSIONS) or Node("permissions")).without("label")
    return is_satisfied_by(permissions, found, RULES, _PERMISSIONS)
