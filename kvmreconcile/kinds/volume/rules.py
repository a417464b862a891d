"""
Rules for `<volume>`.

Some attributes are not part of libvirt's XML: `<volume pool=...>` and `<backingStore pool=... volume=...>`.
They identify volumes by name, as specs do. The driver adds and removes them (`naming.py`).
"""

from kvmreconcile.tree import (
    Change,
    Effect,
    Measure,
    Node,
    Ref,
    Reset,
    Rules,
    Scalar,
    Table,
    Update,
    paths,
    scalars,
)

_OF_ANOTHER_FILE = ("path", "format", "permissions", "timestamps")

CAPACITY = Measure(default="bytes", step=512)
"""A file may have any size; formats round it up to sectors."""


def _grows(change: Change, _volume: Node) -> bool:
    old, new = change.old, change.new
    return isinstance(old, str) and isinstance(new, str) and int(old) < int(new)


RULES = Rules(
    scalars=Table(
        {
            "target/permissions/mode": Scalar(scalars.octal),
            "backingStore/path": Scalar(scalars.path),
        }
    ),
    measures=Table({"capacity": CAPACITY, "target/clusterSize": Measure(default="B", step=1)}),
    resets=Table(
        {
            "backingStore": (
                Reset("@pool", _OF_ANOTHER_FILE),
                Reset("@volume", _OF_ANOTHER_FILE),
                Reset("path", ("@pool", "@volume", *_OF_ANOTHER_FILE[1:])),
            )
        }
    ),
    ignored=paths(
        "@type",
        "key",
        "physical",
        "source",
        "target/path",
        "target/timestamps",
        "backingStore/permissions",
        "backingStore/timestamps",
    ),
    at_creation=paths(
        # The allocation grows as the guest writes.
        "allocation",
        # libvirt changes user and label of the file to those of the guest that uses it
        # ("dynamic_ownership" in qemu.conf).
        "target/permissions/owner",
        "target/permissions/group",
        "target/permissions/label",
        # libvirt passes these to the program that creates the file, and does not report them.
        "target/nocow",
        "target/encryption/cipher",
        "target/encryption/ivgen",
    ),
    whole=paths("backingStore"),
    # The way in which a volume was created cannot be changed.
    required=paths(
        "name", "@pool", "capacity", "capacity/@unit", "allocation", "allocation/@unit", "target/**"
    ),
    refs=Table(
        {
            "": (Ref("StoragePool", ("@pool",)),),
            "backingStore": (Ref("Volume", ("@pool", "@volume")),),
        }
    ),
    actions=Table(
        {
            # A volume that has shrunk has lost data; resizing it would hide that.
            "capacity": (Update("resize", "~", when=_grows, edits_only=True),),
            # libvirt has no call that changes anything else of a volume.
            "**": (Update("replace", effect=Effect.DATA_LOSS),),
        }
    ),
)
