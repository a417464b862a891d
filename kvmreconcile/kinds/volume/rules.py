"""
What is to be known of `<volume>`.

Two attributes are ours, not libvirt's: `<volume pool=…>` and `<backingStore pool=… volume=…>`, so that a
volume is known by names like everything else. The driver writes and reads them (`naming.py`).
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
"""Files of any size exist, and their formats round up to sectors."""


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
        # A volume fills up.
        "allocation",
        # libvirt gives the file to the user and under the label of the guest that runs with it
        # ("dynamic_ownership" in qemu.conf).
        "target/permissions/owner",
        "target/permissions/group",
        "target/permissions/label",
        # libvirt hands these to the program that makes the file, and reads nothing of them back.
        "target/nocow",
        "target/encryption/cipher",
        "target/encryption/ivgen",
    ),
    whole=paths("backingStore"),
    # How a volume was made cannot be taken back.
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
            # One that has become smaller than it was has lost data, and to grow it would hide that.
            "capacity": (Update("resize", "~", when=_grows, edits_only=True),),
            # libvirt has no call that changes anything else of a volume.
            "**": (Update("replace", effect=Effect.DATA_LOSS),),
        }
    ),
)
