"""Rules for SMBIOS tables and QEMU arguments, which a spec describes only in `xml`."""

from kvmreconcile.kinds.domain.member_keys import ORDERED, complete_list, shared_list
from kvmreconcile.kinds.domain.section import Section
from kvmreconcile.tree import Rules, Scalar, Table, combined, paths
from kvmreconcile.tree.scalars import stripped

_QEMU = Rules(
    members=Table(
        {
            "qemu:commandline/qemu:arg": ORDERED,
            "qemu:commandline/qemu:env": complete_list(("@name",)),
            "qemu:capabilities/qemu:add": complete_list(("@capability",)),
            "qemu:capabilities/qemu:del": complete_list(("@capability",)),
            "qemu:override/qemu:device": complete_list(("@alias",)),
            "qemu:override/qemu:device/qemu:frontend/qemu:property": complete_list(("@name",)),
            "qemu:deprecation": shared_list(),
        }
    ),
    secrets=paths(
        "qemu:commandline/qemu:arg/@value",
        "qemu:commandline/qemu:env/@value",
        "qemu:override/qemu:device/qemu:frontend/qemu:property/@value",
    ),
)
_SYSINFO = Rules(
    members=Table(
        {
            "": shared_list(("@type",)),
            "oemStrings/entry": ORDERED,
            "*/entry": complete_list(("@name",)),
            "entry": complete_list(("@name",)),
            "baseBoard": ORDERED,
        }
    ),
    scalars=Table({"system/entry": Scalar(stripped)}),
    # Places of passwords, keys and tokens. The kernel's command line (os/cmdline) is not listed: every process of the guest can read it, and an edit of a secret value cannot be rolled back, since it is not stored. A spec can list it in `secret`.
    secrets=paths("entry", "*/entry"),
).below("sysinfo")
SECTION = Section(rules=combined(_QEMU, _SYSINFO))
