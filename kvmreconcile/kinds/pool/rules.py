"""
Rules for `<pool>`.

A change without a row under `actions` is stored, and takes effect when the pool is restarted. For
authentication, a pool refers to a libvirt secret. Options for mount(8) and librados may contain a password
or key, so their values are secret.
"""

from kvmreconcile.tree import (
    Effect,
    Identity,
    Members,
    Node,
    Owner,
    Reset,
    Rules,
    Scalar,
    Table,
    Update,
    paths,
    scalars,
)

_WITH_DIRECTORY = (None, "dir", "fs", "netfs", "logical")
"""Types whose directory belongs to one pool; many pools of other types have "/dev/disk/by-path"."""


def _has_directory(pool: Node) -> bool:
    return pool.attr("type") in _WITH_DIRECTORY


def _is_plain_directory(pool: Node) -> bool:
    return pool.attr("type") in (None, "dir")


def _is_of_host(device: Node) -> bool:
    """Return whether a source device is a block device of the host, and not an iSCSI target."""
    return (device.attr("path") or "").startswith("/")


def _is_on_portal(source: Node) -> bool:
    device = source.child("device")
    return device is not None and not _is_of_host(device)


RULES = Rules(
    members=Table(
        {
            "source/device": Members((("@path",),), Owner.SPEC),
            "source/host": Members((("@name", "@port"), ("@name",)), Owner.SPEC),
            "fs:mount_opts/fs:option": Members((("@name",),), Owner.SPEC),
            "rbd:config_opts/rbd:option": Members((("@name",),), Owner.SPEC),
        }
    ),
    scalars=Table(
        {
            "uuid": Scalar(scalars.uuid),
            "target/path": Scalar(scalars.path),
            "target/permissions/mode": Scalar(scalars.octal),
            "target/permissions/owner": Scalar(scalars.integer),
            "target/permissions/group": Scalar(scalars.integer),
            "source/dir/@path": Scalar(scalars.path),
            "source/host/@port": Scalar(scalars.integer),
        }
    ),
    # -1 keeps the owner of the directory; see virStorageBackendBuildLocal.
    implied=Table({"target/permissions/owner": "-1", "target/permissions/group": "-1"}),
    # libvirt reads these from the old directory, and would set them on the new one (measured, 9.0).
    resets=Table({"target": (Reset("path", ("permissions",)),)}),
    # libvirt refuses a second pool of these types: "Storage source conflict with pool"
    # (virStoragePoolObjSourceFindDuplicate in virstorageobj.c).
    identities=Table(
        {
            "": (
                Identity(
                    "directory",
                    ("target/path",),
                    when=_is_plain_directory,
                    proves=True,
                    always=True,
                    unique=True,
                ),
                Identity("directory", ("target/path",), when=_has_directory, proves=True, always=True),
            ),
            "uuid": (Identity("UUID", ("",), proves=True, always=True, unique=True),),
            # One target of iSCSI may be on several portals.
            "source": (
                Identity(
                    "source device",
                    ("host/@name", "device/@path"),
                    when=_is_on_portal,
                    proves=True,
                    always=True,
                ),
            ),
            "source/device": (
                Identity(
                    "source device", ("@path",), when=_is_of_host, proves=True, always=True, unique=True
                ),
            ),
        }
    ),
    ignored=paths("capacity", "allocation", "available"),
    # libvirt reports these for every directory, so they do not show that a spec once set them.
    required=paths("name", "uuid", "@type", "target/path", "target/permissions/*"),
    # https://libvirt.org/formatstorage.html#storage-pool-namespaces: "password=…" of CIFS, "key" of RADOS.
    secrets=paths(
        "source/auth/secret/@usage",
        "fs:mount_opts/fs:option/@name",
        "rbd:config_opts/rbd:option/@value",
    ),
    # Secret values are not stored, so the options of an earlier spec are not known.
    whole=paths("fs:mount_opts"),
    # A pool cannot be redefined with another UUID: "already exists with uuid" (storage_driver.c).
    actions=Table({"uuid": (Update("replace", "~", effect=Effect.REPLACE),)}),
)
